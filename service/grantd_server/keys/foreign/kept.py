"""One document of another party, kept: fresh as long as its server says within bounds,
renewed behind the calls, fetched once for all who wait.

A failed fetch leaves the last good copy for a bounded time. A good one replaces it, and
one that its owner published in a shape that must not be used ends it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from grantd.strict import Fault
from grantd_server.keys.foreign.failures import FetchFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

SHORTEST_TTL: Final = 60.0
LONGEST_TTL: Final = 3600.0
"""A copy is fresh as long as its server says, within these bounds; seconds."""
DEFAULT_TTL: Final = 600.0
REFRESH_AT: Final = 0.8
"""Share of its life after which a copy is renewed behind the calls."""
STALE_LIMIT: Final = 24 * 3600.0
"""How long the last good copy serves while fetching fails; seconds."""
RETRY_PAUSE: Final = 10.0
UNKNOWN_KID_PAUSE: Final = 30.0
"""At most one refresh in this time because of unknown kids, whoever sends them."""
BUSY: Final = (2, 60.0)
"""No refresh for an unknown kid after so many fetches within so many seconds."""
SECONDS: Final = 3.0
"""One refresh, discovery included."""


class NotKept(Exception):
    """No usable copy; the text says why the last fetch brought none."""


class Withdrawn(Exception):
    """What the owner publishes now must not be used, and neither must what it published
    before. The text says why and repeats no content."""


class Kept(Generic[T]):
    """The last good copy of one document and what was tried since. Belongs to one event loop.

    `load` fetches and reads it and says for how long its server calls it fresh. It raises
    FetchFailed or Fault, or Withdrawn. `clock` is monotonic seconds: a step of the wall
    clock must not age a copy.
    """

    def __init__(
        self,
        load: Callable[[], Awaitable[tuple[T, float | None]]],
        clock: Callable[[], float],
        stale_limit: float = STALE_LIMIT,
    ) -> None:
        self._load = load
        self._clock = clock
        self._stale_limit = stale_limit
        self._fetched = 0.0
        self._ttl = 0.0
        self._retry_at = 0.0
        self._forced_at = float("-inf")
        self._attempts: deque[float] = deque(maxlen=BUSY[0])
        self._failure = ""
        self.value: T | None = None
        self.withdrawn = False
        """Whether the last fetch brought what must not be used, and no copy serves."""
        self.flight: asyncio.Task[None] | None = None

    def current(self) -> T:
        """The copy as it is now. Raises NotKept when there is none."""
        if self.value is None:
            raise NotKept(self._failure)
        return self.value

    async def freshen(self) -> bool:
        """Makes sure of a usable copy; True when this call waited for a fetch. Raises NotKept."""
        now = self._clock()
        age = now - self._fetched
        waited = False
        if self.value is None or age >= self._ttl:
            if now >= self._retry_at:
                waited = True
                await self._refresh()
            if self._clock() - self._fetched > self._stale_limit:
                raise NotKept(self._failure)
            self.current()
        elif age >= self._ttl * REFRESH_AT and self.flight is None and now >= self._retry_at:
            self._start()
        return waited

    async def look_again(self) -> None:
        """Fetches because of a kid that the copy does not have, if that was not done lately:
        a stream of invented kids must neither hammer the owner nor evict good keys."""
        if self.flight is None:
            now = self._clock()
            most, within = BUSY
            busy = len(self._attempts) == most and now - self._attempts[0] < within
            if busy or now - self._forced_at < UNKNOWN_KID_PAUSE:
                return
            self._forced_at = now
        await self._refresh()

    async def _refresh(self) -> None:
        """Joins the refresh under way or starts one; a caller that leaves ends nothing."""
        await asyncio.shield(self.flight or self._start())

    def _start(self) -> asyncio.Task[None]:
        self.flight = asyncio.create_task(self._fly(), name="remote document")
        return self.flight

    async def _fly(self) -> None:
        started = self._clock()
        self._attempts.append(started)
        try:
            async with asyncio.timeout(SECONDS):
                value, max_age = await self._load()
        except Withdrawn as withdrawn:
            self.value, self.withdrawn = None, True
            self._failed(str(withdrawn))
        except (FetchFailed, Fault, TimeoutError) as fault:
            # An error is not kept in place of a document: after the pause it is asked again.
            self.withdrawn = False
            self._failed(str(fault) or f"no complete answer within {SECONDS:g} s")
        else:
            self.value, self.withdrawn, self._failure = value, False, ""
            self._fetched = started
            self._ttl = min(max(DEFAULT_TTL if max_age is None else max_age, SHORTEST_TTL), LONGEST_TTL)
            self._retry_at = 0.0
        finally:
            self.flight = None

    def _failed(self, cause: str) -> None:
        self._failure = cause
        self._retry_at = self._clock() + RETRY_PAUSE


async def end_flights(copies: list[Kept[T]]) -> None:
    """Ends refreshes under way."""
    flights = [copy.flight for copy in copies if copy.flight is not None]
    for flight in flights:
        flight.cancel()
    await asyncio.gather(*flights, return_exceptions=True)
