"""What every store keeps of reading decisions back; collected like `store_contract`."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from grantd_server.audit.record import new_decision_id
from grantd_server.store import Committed
from grantd_server.store.records import decided
from store_values import entry, write

NOW = int(time.time())


def at(seconds: float) -> str:
    return new_decision_id(NOW + seconds)


def span(since: float, until: float) -> tuple[int, int]:
    return int((NOW + since) * 1_000_000), int((NOW + until) * 1_000_000)


async def written(store: Any, *ids: str, **columns: Any) -> None:
    for decision_id in ids:
        assert await store.write(write(decision_id, columns=columns)) == Committed()


async def read(store: Any, since: float, until: float) -> list[tuple[str, bytes]]:
    return [row async for page in store.decisions(*span(since, until)) for row in page]


async def test_decisions_of_a_time_are_read_oldest_first_with_their_bodies(open_store):
    store = open_store()
    early, first, second, late = at(-60), at(-20), at(-10), at(0)
    await written(store, late, second, early, body=b'{"v":1,"second":true}')
    await written(store, first, body=b'{"v":1,"first":true}')

    assert await read(store, -20, 0) == [(first, b'{"v":1,"first":true}'), (second, b'{"v":1,"second":true}')]
    assert [row[0] for row in await read(store, -3600, 60)] == [early, first, second, late]


async def test_only_the_calls_that_ask_policy_are_decisions(open_store):
    store = open_store()
    one, two = at(-2), at(-1)
    await written(store, at(-3), rpc="RevokeToken")
    await written(store, one, rpc="ExchangeIdentity")
    await written(store, two, rpc="RedeemGrant")

    assert [row[0] for row in await read(store, -60, 60)] == [one, two]


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_pages_leave_nothing_out_and_repeat_nothing(open_store, monkeypatch, size):
    for module in ("sqlite.pages", "postgres.store"):
        monkeypatch.setattr(f"grantd_server.store.{module}.PAGE", size)
    store = open_store()
    ids = [at(-10)[:13] + f"{number:020x}" for number in range(5)]
    await written(store, *reversed(ids))

    assert [row[0] for row in await read(store, -60, 60)] == ids


async def test_a_write_is_never_held_up_by_a_reading_under_way(open_store, monkeypatch):
    for module in ("sqlite.pages", "postgres.store"):
        monkeypatch.setattr(f"grantd_server.store.{module}.PAGE", 2)
    reader, writer = open_store(), open_store(writer="other")
    await written(writer, *(at(-10 + number) for number in range(6)))

    pages = reader.decisions(*span(-60, 60))
    seen = len(await anext(pages))
    async with asyncio.timeout(5):
        await written(writer, at(30))
    async for page in pages:
        seen += len(page)
    assert seen == 7, "what was written meanwhile is read as well"


async def test_the_span_tells_where_records_are(open_store):
    store = open_store()
    assert await store.decision_span(*span(-60, 60)) is None
    await written(store, at(-20.5), at(-10), at(-5))
    await written(store, at(-1), rpc="RevokeToken")

    found = await store.decision_span(*span(-15, 60))
    assert found == decided.DecisionSpan(span(-10, 0)[0], span(-1, 0)[0], 3)


async def test_a_version_is_read_by_its_name(open_store):
    store = open_store()
    await store.put_bundle("b1", b"{}", "ada", "first")
    assert await store.bundle("b1") == b"{}"
    assert await store.bundle("b2") is None


async def test_an_odd_entry_is_no_decision_of_any_time(open_store):
    store = open_store()
    await store.write(write("d1"))
    assert entry("d1").rpc in decided.DECISIONS
    assert await read(store, -3600, 3600) == []
