"""Joins checkpoints and records: what holds, what does not, and what nothing proves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from grantd_server.audit.verification.checkpoint_chain import CheckpointChain
from grantd_server.audit.verification.expectations import Expected
from grantd_server.audit.verification.writer_chain import WriterChain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from grantd.jwk import KeySet
    from grantd_server.audit.chain import Head
    from grantd_server.audit.places import Line
    from grantd_server.store import StoredEntry


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found."""

    writers: tuple[WriterChain, ...]
    places: tuple[CheckpointChain, ...]
    findings: tuple[str, ...]
    """What is wrong beside single writers and second places."""
    window: float | None
    """Seconds since the last checkpoint; None without any."""

    @property
    def holds(self) -> bool:
        """True when nothing is wrong as far as anything proves it."""
        bad = any(writer.problem for writer in self.writers) or any(place.findings for place in self.places)
        return not bad and not self.findings


class Verification:
    """First the second places, then the heads of the table of writers, then every record.

    In this order, also while the service writes: what is read later is never behind
    what was read earlier.
    """

    def __init__(self, keys: KeySet, *, seen: Collection[str] = ()) -> None:
        self._keys = keys
        self._seen = seen
        self._places: list[CheckpointChain] = []
        self._stored: dict[str, list[Expected]] = {}
        self._writers: dict[str, WriterChain] = {}
        self._findings: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for place in self._places:
            for expectations in place.expectations.values():
                expectations.close()

    def place(self, name: str, lines: Iterable[Line]) -> None:
        """Reads one second place."""
        chain = CheckpointChain(name, self._keys, self._seen)
        self._places.append(chain)
        for line in lines:
            chain.read(line)
        if chain.last is None and not chain.findings:
            self.find(f"{name} holds no checkpoint")

    def heads(self, heads: Iterable[Head]) -> None:
        """Takes the heads as the database has them: no proof, and yet a cut must fit them."""
        self._stored = {head.writer: [Expected(head.seq, 0, 0, head.hash)] for head in heads}
        for writer in {*self._stored, *(name for place in self._places for name in place.expectations)}:
            self._writer(writer)

    def row(self, row: StoredEntry) -> None:
        """Takes the next record; those of one writer come in the order of their numbers."""
        try:
            self._writer(row.writer).take(row)
        except TypeError:
            # No store of ours writes other types than those of the table.
            self.find(f"edited: the record {row.entry.id!r:.80} has a column of another type")

    def find(self, what: str) -> None:
        """Notes something else that is wrong."""
        self._findings.append(what)

    def report(self, now: float, longest_window: float | None = None) -> Report:
        """Ends the verification. A window longer than `longest_window` seconds is wrong."""
        for writer in self._writers.values():
            writer.finish()
        times = [place.last.time_us / 1e6 for place in self._places if place.last is not None]
        window = now - max(times) if times else None
        if longest_window is not None and window is not None and window > longest_window:
            self.find(f"the last checkpoint is {window:.0f} seconds old, more than {longest_window:g}")
        unseen = set(self._seen).intersection(*(place.unseen for place in self._places))
        for each in sorted(unseen):
            self.find(f"the checkpoint {each}, seen before, is gone")
        writers = tuple(self._writers[name] for name in sorted(self._writers, key=str))
        return Report(writers, tuple(self._places), tuple(self._findings), window)

    def _writer(self, name: str) -> WriterChain:
        found = self._writers.get(name)
        if found is None:
            boundaries = [place.boundaries[name] for place in self._places if name in place.boundaries]
            boundary = max(boundaries, key=lambda head: head.seq, default=None)
            expectations = [place.expectations[name] for place in self._places if name in place.expectations]
            found = WriterChain(name, boundary, expectations, self._stored.get(name, ()))
            self._writers[name] = found
        return found
