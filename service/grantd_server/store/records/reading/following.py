"""Decisions as they are committed, by all writers: one look at the ends of their chains
now and then, however many follow. Nobody who follows slowly holds anything up."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Final

from grantd_server.store import StoreUnavailable

if TYPE_CHECKING:
    from grantd_server.store import Entry, Store
    from grantd_server.store.records.reading.listing import Sought

INTERVAL: Final = 0.25
"""Seconds between two looks."""
ROOM: Final = 1000
"""Decisions that wait for one follower; of more, the oldest are lost to it."""
_BITE: Final = 200
_BEHIND: Final = 5000
"""Decisions that are caught up with; beyond, they are counted and skipped."""


class Follower:
    """What waits for one that follows."""

    def __init__(self, sought: Sought, room: int = ROOM) -> None:
        self._sought = sought
        self._waiting: deque[Entry] = deque()
        self._room = room
        self._lost = 0
        self._news = asyncio.Event()

    def offer(self, entry: Entry) -> None:
        """Keeps a decision that is asked for, as far as there is room."""
        if not self._sought.matches(entry):
            return
        if len(self._waiting) == self._room:
            self._waiting.popleft()
            self._lost += 1
        self._waiting.append(entry)
        self._news.set()

    def lose(self, count: int) -> None:
        """Counts decisions that nobody looked at."""
        self._lost += count

    async def take(self) -> tuple[Entry, int]:
        """The next decision, and how many were lost before it."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        lost, self._lost = self._lost, 0
        return self._waiting.popleft(), lost


class Followers:
    """Everybody who follows in this process. It looks while somebody does."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._followers: set[Follower] = set()
        self._task: asyncio.Task[None] | None = None
        self._seen: dict[str, int] = {}

    async def join(self, sought: Sought, room: int = ROOM) -> Follower:
        """Follows from now on. Raises StoreUnavailable."""
        if not self._followers:
            self._seen = {head.writer: head.seq for head in await self._store.heads()}
        follower = Follower(sought, room)
        self._followers.add(follower)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="followers")
        return follower

    async def leave(self, follower: Follower) -> None:
        """Ends following; the last one that leaves ends the looking."""
        self._followers.discard(follower)
        if not self._followers and self._task is not None:
            task, self._task = self._task, None
            task.cancel()
            await asyncio.wait([task])

    async def look(self) -> None:
        """Hands out what was committed since the last look. Raises StoreUnavailable."""
        for head in await self._store.heads():
            seen = self._seen.setdefault(head.writer, 0)
            if head.seq - seen > _BEHIND:
                for follower in self._followers:
                    follower.lose(head.seq - seen)
                seen = self._seen[head.writer] = head.seq
            while seen < head.seq:
                rows = await self._store.written_after(head.writer, seen, _BITE)
                if not rows:
                    break  # pruned meanwhile
                for row in rows:
                    for follower in self._followers:
                        follower.offer(row.entry)
                seen = self._seen[head.writer] = rows[-1].seq
                await asyncio.sleep(0)
            self._seen[head.writer] = max(seen, head.seq)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            # Whoever follows waits; a store that is away is nobody's fault here.
            with contextlib.suppress(StoreUnavailable):
                await self.look()
