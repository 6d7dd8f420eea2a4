"""Whether memory of a process that lives throughout is that of its bounded structures and no more
(docs/reliability.md lists them)."""

from __future__ import annotations

import statistics
from collections import defaultdict
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.cluster import Sample

ROOM: Final = 64.0
"""MB that a process may grow by in all: what a soak can fill of the structures, 44 MB when they
are all full, and what calls under way and the allocator hold."""
FULL: Final = 1500.0
"""Seconds after which they are full or in balance at the earliest: tokens run out of time (900 s)
as fast as others come, and the ring of records has turned over."""
TURN: Final = 4096 * 3 / 0.1
"""Calls of a soak of three replicas that turn a ring over: one in ten leaves its record there."""
AFTER: Final = 1200.0
"""Seconds beyond it that a slope needs."""
LEAK: Final = 12.0
"""MB an hour that a process may seem to grow by after that. Its allocator breathes by some 2 MB."""
ENOUGH: Final = 120.0
"""Seconds that a process must have lived for a slope."""


def longest(samples: Sequence[Sample]) -> list[Sample]:
    """The samples of the process that lived longest."""
    lives: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        lives[sample.pid].append(sample)
    return max(lives.values(), key=lambda life: life[-1].at - life[0].at, default=[])


def slope(life: Sequence[Sample], begin: float | None = None) -> float:
    """MB an hour by least squares, from `begin` on: by default of the second half."""
    since = (life[0].at + life[-1].at) / 2 if begin is None else begin
    late = [sample for sample in life if sample.at >= since]
    return round(statistics.linear_regression([s.at for s in late], [s.rss for s in late]).slope * 3600 / 1e6, 1)


def full(rate: float) -> float:
    """Seconds until everything is full, at so many calls a second."""
    return max(FULL, TURN / rate) if rate else FULL


def settled(life: Sequence[Sample], rate: float) -> float | None:
    """MB an hour once everything is full; None for a life that is too short to tell."""
    if not life or life[-1].at - life[0].at < full(rate) + AFTER:
        return None
    return slope(life, life[0].at + full(rate))


def grown(life: Sequence[Sample]) -> float:
    """MB by which a process grew at most."""
    return round((max(s.rss for s in life) - life[0].rss) / 1e6, 1) if life else 0.0


def holds(life: Sequence[Sample], rate: float) -> bool:
    """True when it stayed within its bounds, and did not grow once they were reached."""
    after = settled(life, rate)
    return grown(life) <= ROOM and (after is None or after <= LEAK)


def told(life: Sequence[Sample], rate: float) -> str:
    """One line for the report."""
    after, until = settled(life, rate), full(rate)
    slow = f"{after} MB/h" if after is not None else f"not told, {(until + AFTER) / 60:.0f} minutes are needed"
    return (
        f"grew by {grown(life)} of {ROOM:.0f} MB that bounded structures may take; "
        f"after {until / 60:.0f} minutes, when they are full: {slow} ({LEAK:.0f} at most)"
    )
