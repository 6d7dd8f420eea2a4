"""What becomes of a batch of writes inside one transaction: who moved, who lost,
what is recorded, and how the records are chained. Knows no database.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from grantd_server.audit.chain import Head, link
from grantd_server.store import Committed, Lost, Moved, Space, StoredEntry, Tombstone

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Awaitable, Callable, Sequence

    from grantd_server.store import Entry, Epochs, Issued, Mark, Outcome, Write
    from grantd_server.store.window.commit import Transaction

    Effect = Callable[[], Awaitable[None]]
    """Something else that a call does in its transaction; a fault gives it all up."""


_TURNS: Final = {Space.CLIENT_ASSERTION: 0, Space.DPOP: 1}
"""Proofs of a client are tried first, in this order; then what a call is about."""


class Superseded(Exception):
    """Another process claimed this writer: its head must be read back."""


@dataclass(slots=True, eq=False)
class Job:
    """One call that waits for a COMMIT."""

    write: Write | None
    effect: Effect | None
    deadline: float
    answer: Future[Outcome]
    """Cancelled when the caller leaves; the job itself goes on."""

    @property
    def leads(self) -> bool:
        """True for revocations and changes of the live state: they are committed first,
        so that what is issued at the same time on what they end is refused, not missed."""
        return self.effect is not None or (self.write is not None and bool(self.write.tombstones))

    def tell(self, outcome: Outcome) -> None:
        """Gives the answer to whoever still waits for it."""
        if not self.answer.done():
            self.answer.set_result(outcome)

    def fail(self, fault: Exception) -> None:
        """Gives the fault to whoever still waits."""
        if not self.answer.done():
            self.answer.set_exception(fault)


@dataclass(slots=True)
class Settlement:
    """One transaction's worth of jobs. `outcomes` are true once it commits."""

    transaction: Transaction
    outcomes: dict[Job, Outcome] = field(default_factory=dict)
    issued: list[Issued] = field(default_factory=list)
    _entries: list[Entry] = field(default_factory=list)

    async def bury(self, undelivered: Sequence[Issued]) -> None:
        """Revokes tokens whose COMMIT was never answered: nobody may hold them."""
        if undelivered:
            await self.transaction.bury([Tombstone(token.digest, token.expires) for token in undelivered])

    async def record(self, writer: str, head: Head | None) -> Head | None:
        """Chains and writes the records; returns the writer's new head."""
        if not self._entries:
            return head
        head = head or await self.transaction.claim(writer)
        rows = []
        for entry in self._entries:
            seq = head.seq + 1
            digest = link(head.hash, writer, head.epoch, seq, entry)
            rows.append(StoredEntry(entry, writer, head.epoch, seq, head.hash, digest))
            head = Head(writer, head.epoch, seq, digest)
        if not await self.transaction.append(head, rows):
            raise Superseded
        return head

    async def settle(self, jobs: Sequence[Job]) -> None:
        """Decides every job and writes all but its record."""
        writes = {job: job.write for job in jobs if job.write is not None}
        await self._drop_moved(writes)
        await self._drop_lost(writes)
        for job in jobs:
            if job.effect is not None and (job.write is None or job in writes):
                await job.effect()
            if job.write is None or job in writes:
                self.outcomes[job] = Committed()
        self._entries += [write.entry for write in writes.values()]
        if issued := [token for write in writes.values() for token in write.issued]:
            await self.transaction.issue(issued)
            self.issued += issued
        if kept := [token for write in writes.values() for token in write.refresh_tokens]:
            await self.transaction.keep(kept)
        if tombstones := [tombstone for write in writes.values() for tombstone in write.tombstones]:
            await self.transaction.bury(tombstones)

    async def _drop_moved(self, writes: dict[Job, Write]) -> None:
        """Before any mark: a call that decides again must find its marks unused."""
        chains = {chain for write in writes.values() for chain in _chains(write)}
        if not chains and all(write.epochs is None for write in writes.values()):
            return
        live, buried = await self.transaction.standing(chains)
        for job, write in list(writes.items()):
            dead = next((chain for chain in _chains(write) if chain in buried), "")
            if dead or (write.epochs is not None and _behind(write.epochs, live)):
                self.outcomes[job] = Moved(live, dead)
                del writes[job]

    async def _drop_lost(self, writes: dict[Job, Write]) -> None:
        """Tries the marks of all calls kind by kind: a replayed client assertion must not
        use up an ID-JAG, and writers that meet on two marks meet in the same order."""
        left = {job: sorted(write.marks, key=_turn, reverse=True) for job, write in writes.items() if write.marks}
        lost = {job: _lost(writes[job]) for job in left}
        while left:
            turn = min(_turn(marks[-1]) for marks in left.values())
            trying = [job for job, marks in left.items() if _turn(marks[-1]) == turn]
            tried = [(left[job].pop(), writes[job].entry.id) for job in trying]
            for job, (mark, _), winner in zip(trying, tried, await self.transaction.remember(tried), strict=True):
                if winner is not None:
                    self._entries.append(lost[job](mark, winner))
                    self.outcomes[job] = Lost(mark, winner)
                    del writes[job]
                if winner is not None or not left[job]:
                    del left[job]


def _lost(write: Write) -> Callable[[Mark, str], Entry]:
    if write.lost is None:
        raise TypeError("a write with marks says what is recorded when one is lost")
    return write.lost


def _chains(write: Write) -> list[str]:
    """The chains that a write would issue something on."""
    chains = [token.chain for token in write.issued]
    if write.refresh_tokens:
        chains += [token.family for token in write.refresh_tokens]
    return chains


def _turn(mark: Mark) -> int:
    return _TURNS.get(mark.space, len(_TURNS))


def _behind(seen: Epochs, live: Epochs) -> bool:
    """True when the bundle or a withdrawal moved past what a decision saw.

    `revocations` is left out: what a revocation can change about an issue is checked
    by the chain's own tombstone, and a client that revokes its tokens in a loop must
    not make every other call decide again.
    """
    return seen.bundle != live.bundle or seen.withdrawals != live.withdrawals
