"""The group commit window: concurrent writes, one transaction, answers after COMMIT.

Knows no database (see `commit`) and decides nothing about a write (see `settlement`):
it gathers, bounds the waiting, retries what provably failed before COMMIT, and never
retries what may have been committed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from grantd_server.store import OutcomeUnknown, StoreUnavailable
from grantd_server.store.window.commit import Busy, Collided, Unanswered
from grantd_server.store.window.pace import Pace
from grantd_server.store.window.settlement import Job, Settlement, Superseded

if TYPE_CHECKING:
    from collections.abc import Callable, MutableSequence

    from grantd_server.audit.chain import Head
    from grantd_server.store import Issued, Outcome, Write
    from grantd_server.store.window.commit import Database, Transaction
    from grantd_server.store.window.settlement import Effect

LONGEST: Final = 0.002
"""Seconds that a window stays open while callers have company; see `pace`."""

LARGEST: Final = 256
"""Calls in one window: bounds how long one COMMIT holds the loop."""

ENOUGH: Final = 0.05
"""Seconds to the deadline below which a write is refused before it queues: its answer
would come too late, and it would have used up its marks for nothing."""

LIMIT: Final = 2.0
"""Seconds that a write waits at most when its call names no deadline."""

_FIRST_RETRY: Final = 0.0005
_LAST_RETRY: Final = 0.005


class Window:
    """One writer's window; one transaction of it is in flight at a time."""

    def __init__(self, database: Database, writer: str, monotonic: Callable[[], float]) -> None:
        self._database = database
        self._writer = writer
        self._monotonic = monotonic
        self._first: deque[Job] = deque()
        """Revocations and changes of the live state; see `Job.leads`."""
        self._shared: deque[Job] = deque()
        self._alone: deque[Job] = deque()
        self._head: Head | None = None
        self._undelivered: list[Issued] = []
        self._running: asyncio.Task[None] | None = None
        self._closed = False
        self._pace = Pace()

    async def submit(self, write: Write, effect: Effect | None = None) -> Outcome:
        """Joins the open window. A caller that is cancelled stops waiting, no more:
        what was queued is committed.

        Raises:
            StoreUnavailable: nothing of it was written.
            OutcomeUnknown: COMMIT was not answered.
        """
        job = self._job(write, effect, write.deadline)
        return await self._queued(self._first if job.leads else self._shared, job)

    async def alone(self, effect: Effect, deadline: float | None = None) -> None:
        """Runs `effect` in a transaction of its own, between two windows."""
        await self._queued(self._alone, self._job(None, effect, deadline))

    async def close(self) -> None:
        """Commits what waits; whatever comes after is refused."""
        self._closed = True
        if self._running is not None:
            await self._running

    def _job(self, write: Write | None, effect: Effect | None, deadline: float | None) -> Job:
        now = self._monotonic()
        deadline = now + LIMIT if deadline is None else deadline
        if self._closed or deadline - now < ENOUGH:
            raise StoreUnavailable("closed" if self._closed else "too little time left")
        return Job(write, effect, deadline, asyncio.get_running_loop().create_future())

    async def _queued(self, queue: deque[Job], job: Job) -> Outcome:
        queue.append(job)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._drain(), name="store window")
        return await job.answer

    async def _drain(self) -> None:
        while self._first or self._shared or self._alone or self._undelivered:
            await self._gather()
            if self._first:
                await self._round(_taken(self._first, LARGEST), joining=self._first)
            if self._shared or self._undelivered:
                await self._round(_taken(self._shared, LARGEST), joining=self._shared)
            if self._alone:
                await self._round([self._alone.popleft()])
            if self._undelivered and not self._shared:
                if self._closed:
                    return  # nobody holds them, and they expire by themselves
                await asyncio.sleep(_LAST_RETRY)

    async def _gather(self) -> None:
        """Lets whoever is ready join, and whoever is on the way while that pays."""
        await asyncio.sleep(0)
        present = len(self._first) + len(self._shared)
        if present and self._pace.waits(present) and present < LARGEST:
            await asyncio.sleep(LONGEST)
        if present:
            self._pace.learned(len(self._first) + len(self._shared))

    async def _round(self, jobs: list[Job], *, joining: deque[Job] | None = None) -> None:
        try:
            transaction = await self._begin(jobs, joining)
        except Exception as fault:  # noqa: BLE001 every waiting call must hear of it
            for job in jobs:
                job.fail(self._database.turned(fault))
            return
        if transaction is not None:
            await self._attempt(transaction, jobs)

    async def _begin(self, jobs: list[Job], joining: deque[Job] | None) -> Transaction | None:
        """Waits for the write lock as long as some call still has time; None: none has."""
        pause = _FIRST_RETRY
        while True:
            for waiting in (jobs, self._first, self._shared, self._alone):
                self._expire(waiting)
            try:
                return await self._database.begin(jobs) if jobs or self._undelivered else None
            except Busy:
                if not jobs:
                    return None
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LAST_RETRY)
            if joining:
                jobs += _taken(joining, LARGEST - len(jobs))

    def _expire(self, jobs: MutableSequence[Job]) -> None:
        now = self._monotonic()
        for job in [job for job in jobs if job.deadline <= now]:
            jobs.remove(job)
            job.fail(StoreUnavailable("the database was not free in time"))

    async def _attempt(self, transaction: Transaction, jobs: list[Job]) -> None:
        settlement = Settlement(transaction)
        undelivered = list(self._undelivered)
        try:
            await settlement.settle(jobs)
            await settlement.bury(undelivered)
            head = await settlement.record(self._writer, self._head)
            await transaction.commit()
        except Unanswered:
            self._lose_sight(jobs, settlement)
        except Collided:
            await transaction.rollback()
            await asyncio.sleep(_FIRST_RETRY)
            await self._round(jobs)
        except Superseded:
            await transaction.rollback()
            self._head = None
            await self._round(jobs)
        except Exception as fault:  # noqa: BLE001 it goes to the call that caused it
            await transaction.rollback()
            await self._singly(jobs, fault)
        else:
            self._head = head
            del self._undelivered[: len(undelivered)]
            for job in jobs:
                job.tell(settlement.outcomes[job])

    async def _singly(self, jobs: list[Job], fault: Exception) -> None:
        """COMMIT was not sent: one bad row must harm one call, so each tries alone."""
        if len(jobs) == 1:
            jobs[0].fail(self._database.turned(fault))
            return
        for job in jobs:
            await self._round([job])
            await asyncio.sleep(0)  # lets the loop breathe between commits

    def _lose_sight(self, jobs: list[Job], settlement: Settlement) -> None:
        """COMMIT was sent and not answered: never retried, never released. The next
        transaction starts a new epoch from the head read back, and revokes what was
        issued here and never handed out."""
        self._database.discard()
        self._head = None
        self._undelivered += settlement.issued
        for job in jobs:
            job.fail(OutcomeUnknown("COMMIT was sent and not answered"))


def _taken(queue: deque[Job], room: int) -> list[Job]:
    return [queue.popleft() for _ in range(min(len(queue), room))]
