"""The records of one writer: each follows the one before, and is what checkpoints say."""

from __future__ import annotations

from heapq import merge
from typing import TYPE_CHECKING, Final

from grantd_server.audit.chain import Head, head_of, misfit, start

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from grantd_server.audit.verification.expectations import Expectations, Expected
    from grantd_server.store import StoredEntry

LATE_US: Final = 120_000_000
"""How much older than the last checkpoint a record after it may call itself: a call ends
within seconds, and two clocks differ by a minute at most."""


class WriterChain:
    """Takes record after record; tells the first that is wrong."""

    def __init__(
        self, writer: str, boundary: Head | None, expectations: Sequence[Expectations], stored: Iterable[Expected]
    ) -> None:
        self.writer = writer
        self.rows = 0
        self.first = 0
        self.last = 0
        self.problem = ""
        """What is wrong first; empty while the chain holds."""
        self.bad = ""
        """Id of the first bad record, where it is there."""
        self.proven: Expected | None = None
        """The last head of a checkpoint that a record was compared with and is."""
        self.open = 0
        """Records after the last checkpoint."""
        self.backdated = 0
        """Open ones that call themselves older than the last checkpoint."""
        self._boundary = boundary
        self._before = start(writer)
        ends = [each.last for each in expectations if each.last is not None]
        self._covered = max((end.seq for end in ends), default=0)
        self._covered_us = max((end.time_us for end in ends), default=0)
        self._expected = iter(merge(*expectations, stored))
        self._next = next(self._expected, None)

    def take(self, row: StoredEntry) -> None:
        """Takes the next record."""
        if not self.rows:
            self._begin(row)
        self.rows += 1
        problem = misfit(row, self._before)
        if problem:
            self._find(f"row {row.seq}: {problem}", row.entry.id)
        self._compare(row)
        self._before = head_of(row)
        self.last = row.seq
        if row.seq > self._covered:
            self.open += 1
            self.backdated += row.entry.time_us < self._covered_us - LATE_US

    def finish(self) -> None:
        """Looks at what should have come and did not."""
        end = max(self.last, self._boundary.seq if self._boundary is not None else 0)
        last = proof = None
        while self._next is not None:
            if self._next.seq > end:
                last, proof = self._next, self._next if self._next.number else proof
            self._advance()
        if last is not None:
            proven = f"; {proof} proves those to {proof.seq}" if proof is not None and proof.seq < last.seq else ""
            self._find(f"cut: the rows from {end + 1} to {last.seq} are missing, which {last} has{proven}")

    def _begin(self, row: StoredEntry) -> None:
        self.first = row.seq
        boundary = self._boundary
        if boundary is None or not 1 < row.seq <= boundary.seq + 1:
            return
        if row.seq == boundary.seq + 1:
            self._before = boundary
        else:
            # Rows that a prune was allowed to remove and left: they lead up to the boundary.
            self._before = Head(self.writer, 0, row.seq - 1, row.prev_hash)

    def _compare(self, row: StoredEntry) -> None:
        if self._boundary is not None and row.seq == self._boundary.seq and row.hash != self._boundary.hash:
            self._find(f"row {row.seq}: rewritten: the boundary of the prune has another", row.entry.id)
        while self._next is not None and self._next.seq <= row.seq:
            if self._next.seq == row.seq and self._next.hash == row.hash:
                self.proven = self._next if self._next.number else self.proven
            elif self._next.seq == row.seq:
                since = f"the last that fits is {self.proven.seq}" if self.proven else "none before it is proven"
                self._find(f"row {row.seq}: rewritten: {self._next} has another; {since}", row.entry.id)
            self._advance()

    def _advance(self) -> None:
        self._next = next(self._expected, None)

    def _find(self, problem: str, bad: str = "") -> None:
        if not self.problem:
            self.problem, self.bad = problem, bad
