"""Takes checkpoints: at an interval, at the end, and for a prune or a restoration.

Nothing is remembered between two of them: the chain goes on from what the second
place holds, so that restarts, other processes and lost answers need no case of their own.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from grantd.jws import Fault
from grantd_server.audit.checkpoint import Checkpoint, Kind, following, opened, sealed, unverified
from grantd_server.audit.places import Overtaken, PlaceUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from grantd.jwk import Key, KeySet
    from grantd_server.audit.chain import Head
    from grantd_server.audit.places import Place
    from grantd_server.keys.own.signer import Signer

T = TypeVar("T")

PATIENCE: Final = 5.0
"""Seconds that the second place has for an answer; it never holds up a call."""
_TRIES: Final = 5
"""How often other processes may be faster."""


class NotTaken(Exception):
    """There is no checkpoint; the text says why. The next one covers what this one would."""


class Source(NamedTuple):
    """What a checkpoint is made of. The two calls raise NotTaken."""

    heads: Callable[[], Awaitable[Sequence[Head]]]
    signer: Callable[[], Signer]
    keys: Callable[[], KeySet]
    """What earlier checkpoints may be signed with."""
    announced: Callable[[], Sequence[Key]]
    """What later ones will be signed with."""
    clock: Callable[[], float]


class Taken(NamedTuple):
    """A checkpoint, and what was found on the way."""

    checkpoint: Checkpoint
    behind: tuple[str, ...] = ()
    """Writers whose chain is shorter than, or another than, the last checkpoint says."""
    foreign: str = ""
    """Why the last checkpoint is not believed; the chain goes on from it all the same."""


class Checkpointer:
    """Writes to one second place."""

    def __init__(self, place: Place, source: Source, *, patience: float = PATIENCE) -> None:
        self._place = place
        self._source = source
        self._patience = patience
        self._running: Future[Any] | None = None
        self.last: Checkpoint | None = None
        """The newest that this process knows of."""

    async def take(
        self, kind: Kind = Kind.HEADS, *, pruned: Sequence[Head] = (), why: str = "", unless_since: float | None = None
    ) -> Taken | None:
        """Takes a checkpoint now; None when another process took one after `unless_since`.

        Raises:
            NotTaken: there is none, or nobody can say.
        """
        for _ in range(_TRIES):
            raw = await self._off(self._place.last)
            last = _read(raw)
            now = self._source.clock()
            if last is not None and unless_since is not None and unless_since < last.time_us / 1e6 <= now:
                self.last = last
                return None
            # After the last one was read: whoever wrote it knew no later heads than these.
            heads = await self._source.heads()
            more = {"kind": kind, "pruned": tuple(pruned), "why": why, "announced": tuple(self._source.announced())}
            checkpoint = following(raw, last, int(now * 1_000_000), heads, **more)
            try:
                await self._off(partial(self._place.append, await sealed(checkpoint, self._source.signer()), raw))
            except Overtaken:
                continue
            self.last = checkpoint
            return Taken(checkpoint, behind(heads, last), _foreign(raw, self._source.keys()))
        raise NotTaken("other processes were faster each time")

    async def _off(self, job: Callable[[], T]) -> T:
        """Runs a job of the second place in a thread that nobody has to wait for: a file
        system that hangs must hold up neither a call nor the end of the process."""
        if self._running is not None and not self._running.done():
            # Of a call that was cancelled or gave up: two at once would only race.
            await self._answered(self._running)
        running = _started(job)
        self._running = running
        await self._answered(running)
        try:
            outcome: T = running.result()
        except PlaceUnavailable as fault:
            raise NotTaken(str(fault)) from None
        return outcome

    async def _answered(self, running: Future[Any]) -> None:
        waiting = asyncio.wrap_future(running)
        done, _ = await asyncio.wait({waiting}, timeout=self._patience)
        if not done:
            waiting.cancel()
            raise NotTaken(f"the second place did not answer in {self._patience:g} seconds")
        waiting.exception()  # looked at, so that the loop does not complain


def _started(job: Callable[[], T]) -> Future[T]:
    outcome: Future[T] = Future()
    outcome.set_running_or_notify_cancel()  # it cannot be cancelled from now on

    def work() -> None:
        try:
            outcome.set_result(job())
        except Exception as fault:  # noqa: BLE001 it is raised where the outcome is asked for
            outcome.set_exception(fault)

    threading.Thread(target=work, name="second place", daemon=True).start()
    return outcome


def _read(raw: str | None) -> Checkpoint | None:
    try:
        return None if raw is None else unverified(raw)
    except Fault as fault:
        raise NotTaken(f"the last line of the second place is no checkpoint: {fault}") from None


def behind(heads: Sequence[Head], last: Checkpoint | None) -> tuple[str, ...]:
    """Writers of the last checkpoint that have fewer records now, or others."""
    if last is None:
        return ()
    now = {head.writer: head for head in heads}
    return tuple(head.writer for head in last.heads if not _reaches(now.get(head.writer), head))


def _reaches(now: Head | None, then: Head) -> bool:
    return now is not None and (now.seq > then.seq or (now.seq == then.seq and now.hash == then.hash))


def _foreign(raw: str | None, keys: KeySet) -> str:
    if raw is None:
        return ""
    try:
        opened(raw, keys)
    except Fault as fault:
        return str(fault)
    return ""
