"""The checkpoints of one second place: signed by a trusted key, none missing, in order."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from grantd.jwk import KeySet
from grantd.jws import Fault
from grantd_server.audit.chain import Head
from grantd_server.audit.checkpoint import Checkpoint, Kind, digest, opened
from grantd_server.audit.verification.expectations import Expectations, Expected

if TYPE_CHECKING:
    from collections.abc import Collection

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
        self._findings: list[str] = []
        self._retreats: list[str] = []
        self._back: dict[str, int] = {}
        """How far writers had gone back, until a restoration says that this was meant."""
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

    @property
    def findings(self) -> list[str]:
        """What is wrong, as far as it is told one by one."""
        return [*self._findings, *self._retreats]

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
        self._trust(checkpoint)

    def _trust(self, checkpoint: Checkpoint) -> None:
        """A trusted key says which comes next: nobody has to carry keys at each rotation."""
        new = [key for key in checkpoint.announced if key.kid not in self._keys]
        if new:
            self._keys = KeySet((*self._keys.keys, *new))
            names = ", ".join(key.kid or "" for key in new)
            self.notes.append(f"checkpoint {checkpoint.number} announces the key {names}")

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
        if checkpoint.kind is not Kind.HEADS:
            self.notes.append(f"checkpoint {checkpoint.number} is a {_WORDS[checkpoint.kind]}: {checkpoint.why}")
        if checkpoint.kind is Kind.RESTORED:
            self._start_over(checkpoint)
        for head in checkpoint.pruned:
            if head.writer not in self.boundaries or self.boundaries[head.writer].seq < head.seq:
                self.boundaries[head.writer] = head
        for writer in self.expectations.keys() - {head.writer for head in checkpoint.heads}:
            self._retreat(where, checkpoint, Head(writer, 0, 0, b""), "was gone")
        for head in checkpoint.heads:
            self._expect_head(where, checkpoint, head)

    def _expect_head(self, where: str, checkpoint: Checkpoint, head: Head) -> None:
        expectations = self.expectations[head.writer]
        last = expectations.last
        if last is None or head.seq > last.seq:
            expectations.add(Expected(head.seq, checkpoint.number, checkpoint.time_us, head.hash))
        elif head.seq < last.seq:
            self._retreat(where, checkpoint, head, f"had gone back from row {last.seq} to row {head.seq}")
        elif head.hash != last.hash:
            what = f"had another row {head.seq} than at checkpoint {last.number}"
            self._retreat(where, checkpoint, head._replace(seq=head.seq - 1), what)

    def _retreat(self, where: str, checkpoint: Checkpoint, head: Head, what: str) -> None:
        self._back[head.writer] = min(head.seq, self._back.get(head.writer, head.seq))
        self._find(f"{where}: checkpoint {checkpoint.number}: writer {head.writer} {what}", self._retreats)

    def _start_over(self, restored: Checkpoint) -> None:
        """An older state was restored on purpose: nothing beyond it is expected any more,
        also when the service was started before somebody said so."""
        if self._retreats:
            self.notes.append(f"it explains {len(self._retreats)} findings before it")
            self._retreats.clear()
        reached = {head.writer: head.seq for head in restored.heads}
        for writer in list(self.expectations):
            seq = min(reached.get(writer, 0), self._back.pop(writer, _MOST))
            if seq:
                self.expectations[writer].drop_after(seq)
            else:
                self.expectations.pop(writer).close()

    def _find(self, what: str, findings: list[str] | None = None) -> None:
        findings = self._findings if findings is None else findings
        if len(findings) < SHOWN:
            findings.append(what)
        else:
            self.more += 1


_MOST: Final = 1 << 63
_WORDS: Final = {Kind.BOUNDARY: "boundary", Kind.RESTORED: "restoration"}
