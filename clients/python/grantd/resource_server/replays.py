"""Where spent DPoP proofs are remembered until they would be too old anyway."""

from __future__ import annotations

import heapq
from typing import Protocol

from grantd.errors import Unavailable


class Replays(Protocol):
    """A memory of proofs, shared by all processes that serve one resource."""

    async def remember(self, digest: bytes, until: float, now: float) -> bool:
        """True the first time, in one atomic step. Raises GrantdError when it cannot tell."""


class LocalReplays:
    """The memory of one process, bounded. When it is full nothing is forgotten before its
    time, which would let a proof pass twice: new ones are refused instead."""

    def __init__(self, size: int = 100_000) -> None:
        self._size = size
        self._known: set[bytes] = set()
        self._ends: list[tuple[float, bytes]] = []

    async def remember(self, digest: bytes, until: float, now: float) -> bool:
        """True the first time.

        Raises:
            Unavailable: no more proofs can be remembered now.
        """
        while self._ends and self._ends[0][0] < now:
            self._known.discard(heapq.heappop(self._ends)[1])
        if digest in self._known:
            return False
        if len(self._known) >= self._size:
            raise Unavailable("UNAVAILABLE", description="the memory of DPoP proofs is full")
        self._known.add(digest)
        heapq.heappush(self._ends, (until, digest))
        return True
