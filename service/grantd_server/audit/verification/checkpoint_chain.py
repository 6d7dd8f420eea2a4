"""The checkpoints of one second place: signed by a trusted key, none missing, in order."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from grantd.jws import Fault
from grantd_server.audit.checkpoint import Checkpoint, Kind, digest, opened
from grantd_server.audit.verification.expectations import Expectations, Expected

if TYPE_CHECKING:
    from collections.abc import Collection

    from grantd.jwk import KeySet
    from grantd_server.audit.chain import Head
    from grantd_server.audit.places import Line

SHOWN: Final = 10
"""Findings of one second place that are told one by one; a missing key makes millions."""


class CheckpointChain:
    """Takes line after line; says what is wrong, and what is to be expected of records."""

    def __init__(self, name: str, keys: KeySet, seen: Collection[str] = ()) -> None:
        self.name = name
        self._keys = keys
        self.unseen = set(seen)
        """Hashes of checkpoints that an earlier verification told of, and that are not here."""
        self.findings: list[str] = []
        self.more = 0
        """Findings beyond those that are told."""
        self.notes: list[str] = []
        self.count = 0
        self.unfinished = 0
        """Lines that were never finished: of a crash, and never named by any checkpoint."""
        self.first: Checkpoint | None = None
        self.last: Checkpoint | None = None
        self.last_hash = ""
        self.expectations: defaultdict[str, Expectations] = defaultdict(Expectations)
        self.boundaries: dict[str, Head] = {}

    def read(self, line: Line) -> None:
        """Reads the next line."""
        if not line.whole:
            self.unfinished += 1
            return
        try:
            checkpoint = opened(line.raw, self._keys)
        except Fault as fault:
            self._find(f"{line.where}: no checkpoint of a trusted key: {fault}")
            return
        if problem := self._misfit(checkpoint):
            self._find(f"{line.where}: checkpoint {checkpoint.number}: {problem}")
        if self.last is not None and checkpoint.number <= self.last.number:
            return
        self._expect(line.where, checkpoint)
        self.count += 1
        self.first = self.first or checkpoint
        self.last, self.last_hash = checkpoint, digest(line.raw)
        self.unseen.discard(self.last_hash)

    def _misfit(self, checkpoint: Checkpoint) -> str:
        """Says why a checkpoint does not follow the last one; empty when it does."""
        last = self.last
        if last is not None and checkpoint.chain != last.chain:
            return f"it belongs to another second place, {checkpoint.chain} and not {last.chain}"
        number = 0 if last is None else last.number
        if checkpoint.number > number + 1:
            return f"missing: those from {number + 1} to {checkpoint.number - 1}"
        if checkpoint.number <= number:
            return f"out of order: it comes after {number}"
        if last is not None and checkpoint.previous != self.last_hash:
            return f"it was written after another checkpoint {number} than the one that is here"
        return ""

    def _expect(self, where: str, checkpoint: Checkpoint) -> None:
        restored = checkpoint.kind is Kind.RESTORED
        if checkpoint.kind is not Kind.HEADS:
            self.notes.append(f"checkpoint {checkpoint.number} is a {_WORDS[checkpoint.kind]}: {checkpoint.why}")
        for head in checkpoint.pruned:
            if head.writer not in self.boundaries or self.boundaries[head.writer].seq < head.seq:
                self.boundaries[head.writer] = head
        for writer in self.expectations.keys() - {head.writer for head in checkpoint.heads}:
            if restored:
                self.expectations.pop(writer).close()
            else:
                self._find(f"{where}: checkpoint {checkpoint.number}: writer {writer} had gone")
        for head in checkpoint.heads:
            self._expect_head(where, checkpoint, head, restored=restored)

    def _expect_head(self, where: str, checkpoint: Checkpoint, head: Head, *, restored: bool) -> None:
        expectations = self.expectations[head.writer]
        if restored:
            expectations.drop_after(head.seq)
        last = expectations.last
        if last is None or head.seq > last.seq:
            expectations.add(Expected(head.seq, checkpoint.number, checkpoint.time_us, head.hash))
        elif head.seq < last.seq:
            back = f"writer {head.writer} had gone back from row {last.seq} to row {head.seq}"
            self._find(f"{where}: checkpoint {checkpoint.number}: {back}")
        elif head.hash != last.hash:
            other = f"writer {head.writer} had another row {head.seq} than at checkpoint {last.number}"
            self._find(f"{where}: checkpoint {checkpoint.number}: {other}")

    def _find(self, what: str) -> None:
        if len(self.findings) < SHOWN:
            self.findings.append(what)
        else:
            self.more += 1


_WORDS: Final = {Kind.BOUNDARY: "boundary", Kind.RESTORED: "restoration"}
