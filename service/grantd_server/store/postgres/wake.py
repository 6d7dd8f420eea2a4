"""Hears of changes of the live state as they are committed. It only wakes: the poll remains,
and whatever was missed here is found by it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from grantd_server.store import StoreUnavailable
from grantd_server.store.postgres.connection.faults import FAULTS
from grantd_server.store.postgres.connection.link import Link
from grantd_server.store.postgres.statements import CHANNEL

if TYPE_CHECKING:
    from grantd_server.store.postgres.connection.link import Place

_TOGETHER: Final = 0.02
"""Seconds in which several changes are one: a client that revokes in a loop must not
make every replica poll in a loop."""


class Wake:
    """A connection that listens; it goes past any pooler, which would not pass it on."""

    def __init__(self, place: Place | None) -> None:
        self._link = Link(place) if place is not None else None
        self._heard = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    async def wait(self, seconds: float) -> None:
        """Waits for a change, at most so long."""
        if self._link is not None and not self._link.open and (self._listening is None or self._listening.done()):
            self._listening = asyncio.create_task(self._listen(self._link), name="store wake")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._heard.wait()
                await asyncio.sleep(_TOGETHER)
        self._heard.clear()

    async def close(self) -> None:
        """Stops listening."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
        if self._link is not None:
            await self._link.close()

    async def _listen(self, link: Link) -> None:
        with contextlib.suppress(StoreUnavailable, *FAULTS):
            connection = await link.connected()
            async with asyncio.timeout(link.place.patience):
                await connection.add_listener(CHANNEL, lambda *_: self._heard.set())
            return
        link.drop()
