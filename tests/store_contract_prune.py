"""What every store keeps of pruning; collected like `store_contract`. A test file also
defines `execute`, which runs SQL past the store."""

from __future__ import annotations

import time
from typing import Any

from grantd_server.store import DAY
from store_values import write

TODAY = int(time.time()) // 86400


async def written_on(store: Any, execute: Any, days: dict[str, int]) -> None:
    """Writes a record each, and dates it as if it had been written so many days ago."""
    for decision_id, ago in days.items():
        await store.write(write(decision_id))
        await execute(f"UPDATE records SET day = {TODAY - ago} WHERE id = '{decision_id}'")


def before(ago: int) -> int:
    return (TODAY - ago) * DAY


async def test_whole_days_leave_and_the_store_says_where_it_cut_each_chain(open_store, execute):
    one, two = open_store(), open_store(writer="other")
    await written_on(one, execute, {"d1": 9, "d2": 8, "d3": 3, "d4": 0})
    await written_on(two, execute, {"e1": 5, "e2": 5})

    heads = await one.prune(before(3))

    left = [row async for row in one.history()]
    assert [row.entry.id for row in left] == ["d3", "d4"]
    assert [(head.writer, head.epoch, head.seq) for head in heads] == [("grantd", 1, 2), ("other", 1, 2)]
    assert left[0].prev_hash == heads[0].hash
    assert await one.prunable(before(3)) == []
    assert await one.prune(before(3)) == []


async def test_what_a_prune_would_cut_is_told_before(open_store, execute):
    store = open_store()
    await written_on(store, execute, {"d1": 9, "d2": 3})

    told = await store.prunable(before(3))

    assert [head.seq for head in told] == [1]
    assert len([row async for row in store.history()]) == 2
    assert await store.prune(before(3)) == told


async def test_a_day_that_has_not_ended_is_not_pruned(open_store, execute):
    store = open_store()
    await written_on(store, execute, {"d1": 1, "d2": 0})
    assert [head.seq for head in await store.prune(before(0) + DAY - 1)] == [1]
    assert [row.entry.id async for row in store.history()] == ["d2"]


async def test_a_chain_whose_records_have_all_left_goes_on_where_it_was(open_store, execute):
    store = open_store()
    await written_on(store, execute, {"d1": 9, "d2": 9})
    (head,) = await store.prune(before(3))
    await store.write(write("d3"))

    (row,) = [row async for row in store.history()]
    assert (row.seq, row.prev_hash) == (3, head.hash)


async def test_a_prune_takes_small_bites(open_store, execute):
    store = open_store(bite=2)
    await written_on(store, execute, {f"d{number}": 9 for number in range(5)})
    await written_on(store, execute, {"last": 0})
    assert [head.seq for head in await store.prune(before(3))] == [5]
    assert [row.entry.id async for row in store.history()] == ["last"]


async def test_the_days_of_a_chain_do_not_fall_when_the_clock_of_the_database_does(open_store, execute):
    store = open_store()
    await store.write(write("d1"))
    await execute(f"UPDATE writers SET day = {TODAY + 40}")
    await store.write(write("d2"))
    assert [head.seq for head in await store.prunable(before(-40))] == [1]
    assert [head.seq for head in await store.prunable(before(-41))] == [2]
