"""Keeps a number of workers at work: starts, starts again, replaces one by one, ends.

It holds no connection, no key and no database, and judges no call. A worker's index is
free again when its process has ended, never before: two live workers have two names.
"""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from grantd_server.telemetry.logs import Level
from grantd_server.wiring.processes.child import Child, words
from grantd_server.wiring.processes.watching import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from grantd_server.telemetry.logs import LogLines

_LOOK: Final = 0.05
_QUIET: Final = frozenset({0, -signal.SIGTERM})
"""How workers end that were told to; one that was just starting knows no better."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what may take. Seconds."""

    end: float
    """For a worker that was told to end."""
    start: float = 60.0
    """For a worker to be ready, when it is to replace another."""
    first: float = 0.25
    """Before a worker that died is started again; twice as long each time."""
    longest: float = 30.0
    steady: float = 60.0
    """A worker that lived so long died of something new."""
    silence: float = 10.0
    """Of a worker that beats, before it is taken for one whose loop hangs."""
    attempts: int = 5
    """Starts in a row that may fail while no worker is up at all."""


class GivenUp(Exception):
    """No worker can be had; `code` is the exit code of the last that tried."""

    def __init__(self, status: int) -> None:
        super().__init__(words(status))
        self.code = max(status, 1)


@dataclass(slots=True, eq=False)
class Post:
    """One of the workers that there shall be, and who fills it now."""

    child: Child


class Supervisor:
    """Keeps `posts` workers; `stop`, `kill` and `renew` are set by whoever hears signals.

    `start` makes the worker of an index. `checked` is asked before a rolling restart and
    says why there must be none.
    """

    def __init__(
        self,
        start: Callable[[int], Child],
        posts: int,
        patience: Patience,
        log: LogLines,
        checked: Callable[[], Sequence[str]] = lambda: (),
    ) -> None:
        self.stop = asyncio.Event()
        self.kill = asyncio.Event()
        self.renew = asyncio.Event()
        self._start_worker = start
        self._count = posts
        self._patience = patience
        self._log = log
        self._checked = checked
        self._live: set[Child] = set()
        self._failures = 0

    async def run(self, **where: str) -> int:
        """Works until told to stop, or until it gives up; returns the exit code. `where`
        is told when all are up."""
        working = asyncio.create_task(self._work(where))
        stopping = asyncio.create_task(self.stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        working.cancel()
        (gave_up,) = await asyncio.gather(working, return_exceptions=True)
        self._log.event(Level.INFO, "draining", workers=len(self._live))
        clean = await self._ended(self._live, self.kill)
        if isinstance(gave_up, asyncio.CancelledError):
            return 0 if clean else 1
        if isinstance(gave_up, BaseException):
            raise gave_up
        return gave_up

    async def _work(self, where: dict[str, str]) -> int:
        try:
            # The first goes alone: what keeps all of them from starting is then told once.
            first = self._start()
            if not await first.comes(first.up):
                raise GivenUp(await asyncio.shield(first.ended))
            posts = [Post(first), *(Post(self._start()) for _ in range(1, self._count))]
            async with asyncio.TaskGroup() as work:
                for post in posts:
                    work.create_task(self._keep(post))
                work.create_task(self._renew(posts))
                work.create_task(watch(self._live, self._patience.silence, self._log))
                work.create_task(self._announce(posts, where))
        except* GivenUp as group:
            codes = [each.code for each in group.exceptions if isinstance(each, GivenUp)]
        except* OSError as group:
            codes = [self._not_started(each) for each in group.exceptions if isinstance(each, OSError)]
        return codes[0]

    def _start(self) -> Child:
        taken = {child.index for child in self._live}
        child = self._start_worker(next(index for index in count() if index not in taken))
        self._live.add(child)
        child.ended.add_done_callback(lambda _: self._live.discard(child))
        return child

    async def _keep(self, post: Post) -> None:
        """Starts the post's worker again when it dies, later each time that it dies young."""
        pause = self._patience.first
        while True:
            child = post.child
            status = await asyncio.shield(child.ended)
            if post.child is not child:
                continue  # another took its place, and it was told to end
            pause = self._patience.first if child.age() >= self._patience.steady else pause
            self._log.event(
                Level.ERROR, "worker.died", worker=child.index, pid=child.pid, status=words(status), again_in=pause
            )
            self._note(child, status)
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._patience.longest)
            if post.child is child:
                self._fill(post)

    def _fill(self, post: Post) -> None:
        try:
            post.child = self._start()
        except OSError as fault:
            # The dead one is found again, and its place is tried again.
            self._not_started(fault)

    def _not_started(self, fault: OSError) -> int:
        """No process or no memory is left."""
        self._log.event(Level.ERROR, "worker.not_started", cause=fault.strerror)
        return 1

    def _note(self, child: Child, status: int) -> None:
        """Counts starts that failed. Raises GivenUp when nobody is up and none can be had."""
        if child.up.is_set():
            self._failures = 0
        else:
            self._failures += 1
        nobody = not any(each.up.is_set() for each in self._live)
        if nobody and self._failures >= self._patience.attempts:
            raise GivenUp(status)

    async def _renew(self, posts: Sequence[Post]) -> None:
        """Replaces every worker, one by one, whenever it is asked for."""
        while True:
            await self.renew.wait()
            self.renew.clear()
            if problems := self._checked():
                self._log.event(Level.ERROR, "restart.refused", problems=list(problems))
                continue
            self._log.event(Level.INFO, "restarting", workers=len(posts))
            for post in posts:
                if not await self._replaced(post):
                    break
            else:
                self._log.event(Level.INFO, "restarted", workers=len(posts))

    async def _replaced(self, post: Post) -> bool:
        try:
            fresh = self._start()
        except OSError as fault:
            self._not_started(fault)
            return False
        if not await fresh.comes(fresh.ready, self._patience.start):
            fresh.kill()
            self._log.event(Level.ERROR, "restart.given_up", worker=fresh.index, pid=fresh.pid)
            return False
        old, post.child = post.child, fresh
        await self._ended([old])
        return True

    async def _ended(self, children: Collection[Child], hurry: asyncio.Event | None = None) -> bool:
        """Tells workers to end, and ends those that do not; True when none had to be."""
        waiting = {child: asyncio.ensure_future(asyncio.shield(child.ended)) for child in children}
        for child in waiting:
            child.terminate()
        hurried = asyncio.create_task((hurry or asyncio.Event()).wait())
        gathered: asyncio.Future[list[int]] = asyncio.gather(*waiting.values())
        first: set[asyncio.Future[Any]] = {gathered, hurried}
        try:
            await asyncio.wait(first, timeout=self._patience.end, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hurried.cancel()
        for child, ending in waiting.items():
            if not ending.done():
                self._log.event(Level.ERROR, "worker.killed", worker=child.index, pid=child.pid)
                child.kill()
        return all(status in _QUIET for status in await gathered)

    async def _announce(self, posts: Sequence[Post], where: dict[str, str]) -> None:
        """Says when all are up, and when all take calls."""
        while not all(post.child.up.is_set() for post in posts):  # noqa: ASYNC110 - who fills a post may change
            await asyncio.sleep(_LOOK)
        self._log.event(Level.INFO, "serving", workers=len(posts), **where)
        while not all(post.child.ready.is_set() for post in posts):  # noqa: ASYNC110 - as above
            await asyncio.sleep(_LOOK)
        self._log.event(Level.INFO, "ready", workers=len(posts))
