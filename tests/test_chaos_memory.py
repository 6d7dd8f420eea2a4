"""Memory of a process: as large as its bounded structures, and no larger for having worked long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chaos import memory
from chaos.client import Client
from chaos.cluster import Sample, cluster
from chaos.load import Load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def life(seconds: float, rss_mb: Callable[[float], float]) -> list[Sample]:
    """A process that is looked at every ten seconds."""
    return [Sample(0, 1, at, int(rss_mb(at) * 1e6), 9, 0.0) for at in range(0, int(seconds) + 1, 10)]


def filling(at: float) -> float:
    """30 MB in the first 25 minutes, then nothing."""
    return 120 + 30 * min(at, memory.FULL) / memory.FULL


def test_structures_that_fill_are_no_leak() -> None:
    long = life(3600, filling)
    assert memory.grown(long) == 30
    assert memory.settled(long, 170) == 0
    assert memory.slope(life(600, filling)) == pytest.approx(72)
    assert memory.holds(long, 170)


@pytest.mark.parametrize(
    ("grows", "holds"),
    [
        (lambda at: filling(at) + 11.9 * at / 3600, True),
        (lambda at: filling(at) + 12.5 * at / 3600, False),
        (lambda at: filling(at) + 35 * (at == memory.FULL), False),
        (lambda at: filling(at) + 33 * (at == memory.FULL), True),
    ],
    ids=["slowly", "a leak", "beyond the bounds, once", "within them"],
)
def test_growth_when_all_is_full_and_growth_beyond_the_bounds_fail(
    grows: Callable[[float], float], holds: bool
) -> None:
    assert memory.holds(life(3600, grows), 170) is holds


def test_a_short_life_is_judged_by_the_bounds_alone() -> None:
    short = life(memory.FULL + memory.AFTER - 10, lambda at: 120 + 60 * at / 3600)
    assert memory.settled(short, 170) is None
    assert memory.holds(short, 170)
    assert "not told" in memory.told(short, 170)
    assert memory.settled(life(memory.FULL + memory.AFTER, filling), 170) == 0


def test_a_slow_load_fills_later() -> None:
    assert [round(memory.full(rate)) for rate in (0, 170, 55)] == [1500, 1500, 2234]
    assert memory.settled(life(3430, filling), 55) is None
    assert memory.settled(life(3440, filling), 55) == 0


def test_of_several_processes_the_one_that_lived_longest_tells() -> None:
    others = [Sample(1, 2, 5.0, 1, 9, 0.0), Sample(1, 2, 90.0, 1, 9, 0.0), Sample(2, 3, 95.0, 1, 9, 0.0)]
    mine = life(100, filling)
    assert memory.longest([*others, *mine]) == mine
    assert memory.longest([]) == []
    assert memory.holds([], 0)


@pytest.mark.long
async def test_a_process_whose_bounded_structures_are_full_does_not_grow(database: str, tmp_path: Path) -> None:
    async with cluster(tmp_path, database, 1, "--memory", "64") as running:
        client = Client(lambda _call: None)
        load = Load(running, client, rate=300)
        await load.run(20)
        warm, before = running.samples(), client.calls
        await load.run(60)
        late = running.samples()
        assert client.calls > before + 1000
        assert late[0].rss - warm[0].rss < 4e6
        await client.close()
