"""Token buckets, one for each reason: a flood of one refusal cannot crowd out another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

SECOND = 1_000_000_000


class Buckets:
    """Buckets of `size` tokens that fill at `per_second`; keys are a closed set."""

    def __init__(self, size: int, per_second: float) -> None:
        self._size = float(size)
        self._per_nanosecond = per_second / SECOND
        self._levels: dict[Hashable, tuple[float, int]] = {}

    def take(self, key: Hashable, now: int) -> bool:
        """Takes a token; False when there is none. `now` is monotonic nanoseconds."""
        level, then = self._levels.get(key, (self._size, now))
        level = min(self._size, level + (now - then) * self._per_nanosecond)
        taken = level >= 1
        self._levels[key] = (level - 1 if taken else level, now)
        return taken
