"""Token buckets by key: a flood under one key cannot crowd out another.

Bounded in memory: beyond `most` keys the longest unused is forgotten, so that a flood
of keys makes the limit weaker and never the service larger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

SECOND = 1_000_000_000


class Buckets:
    """Buckets of `size` tokens that fill at `per_second`. `now` is monotonic nanoseconds."""

    def __init__(self, size: int, per_second: float, most: int = 10_000) -> None:
        self._size = float(size)
        self._per_nanosecond = per_second / SECOND
        self._most = most
        self._levels: dict[Hashable, tuple[float, int]] = {}

    def level(self, key: Hashable, now: int) -> float:
        """Tokens that are there now."""
        level, then = self._levels.get(key, (self._size, now))
        return min(self._size, level + (now - then) * self._per_nanosecond)

    def take(self, key: Hashable, now: int) -> bool:
        """Takes a token; False when there is none."""
        level = self.level(key, now)
        taken = level >= 1
        self._levels.pop(key, None)
        self._levels[key] = (level - 1 if taken else level, now)
        if len(self._levels) > self._most:
            del self._levels[next(iter(self._levels))]
        return taken
