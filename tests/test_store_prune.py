"""Pruning over SQLite files and over PostgreSQL."""

from __future__ import annotations

import sqlite3

import asyncpg
import pytest

pytest.register_assert_rewrite("store_contract_prune")

from grantd_server.store.postgres.connection.link import Place, SharedLink  # noqa: E402 after the rewrite
from grantd_server.store.postgres.partitions import AHEAD, drop_before, make_ahead, name_of  # noqa: E402 after the rewrite
from grantd_server.store.postgres.store import PostgresStore  # noqa: E402 after the rewrite
from grantd_server.store.sqlite.store import SqliteStore  # noqa: E402 after the rewrite
from store_contract_prune import *  # noqa: E402, F403 the whole contract is collected here
from store_contract_prune import TODAY  # noqa: E402 after the rewrite
from store_values import write  # noqa: E402 after the rewrite
from stores_ import closed_in_the_end  # noqa: E402 after the rewrite


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def address(kind, tmp_path, request):
    return tmp_path / "grantd.db" if kind == "sqlite" else request.getfixturevalue("database")


@pytest.fixture
async def open_store(kind, address):
    def opened(*, writer="grantd", **settings):
        if kind == "sqlite":
            return SqliteStore.open(address, writer=writer, **settings)
        return PostgresStore(Place(address), writer=writer, **settings)

    async with closed_in_the_end(opened) as open_one:
        yield open_one


@pytest.fixture
async def execute(kind, address):
    async def on_sqlite(statement):
        with sqlite3.connect(address) as raw:
            raw.execute(statement)
        raw.close()

    async def on_postgres(statement):
        raw = await asyncpg.connect(address)
        await raw.execute(statement)
        await raw.close()

    return on_sqlite if kind == "sqlite" else on_postgres


# partitions


@pytest.fixture
async def raw(database):
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@pytest.fixture
async def link(database):
    shared = SharedLink(Place(database, patience=0.6))
    yield shared
    await shared.close()


async def partitions(raw):
    rows = await raw.fetch(
        "SELECT relname FROM pg_class WHERE relname LIKE 'records\\_2%' AND relkind = 'r' ORDER BY 1"
    )
    return [row[0] for row in rows]


async def test_days_to_come_have_a_partition_each_and_making_them_again_changes_nothing(raw, link):
    assert await make_ahead(link) == AHEAD + 1
    assert await partitions(raw) == [name_of(TODAY + number) for number in range(AHEAD + 1)]
    assert await make_ahead(link) == 0


async def test_a_serving_process_makes_them_when_it_purges(raw, database):
    store = PostgresStore(Place(database), writer="w")
    await store.write(write("early"))
    await store.purge()
    await store.write(write("late"))
    assert name_of(TODAY + 1) in await partitions(raw)
    assert name_of(TODAY) not in await partitions(raw), "what is kept in the rest has no second place"
    assert await raw.fetchval("SELECT count(*) FROM records") == 2
    await store.close()


async def test_a_day_that_was_begun_in_the_rest_ends_there_and_nobody_is_made_to_wait_for_it(
    raw, link, database, monkeypatch
):
    store = PostgresStore(Place(database), writer="w")
    await store.write(write("early"))
    changes, change = [], link.alone

    async def alone(statements):
        changes.append(statements)
        await change(statements)

    monkeypatch.setattr(link, "alone", alone)
    for made in (AHEAD, 0, 0):
        assert await make_ahead(link) == made
    assert len(changes) == AHEAD
    assert not any(name_of(TODAY) in each for each in changes)
    await store.write(write("late"))
    assert await raw.fetchval("SELECT count(*) FROM records_rest") == 2
    await store.close()


async def test_a_rest_that_cannot_be_looked_through_in_time_is_left_to_the_next_time(raw, link):
    async with raw.transaction():
        await raw.execute("LOCK TABLE records_rest")
        assert await make_ahead(link) == 0
    assert await make_ahead(link) == AHEAD + 1


async def test_a_day_leaves_as_a_whole_partition(raw, link, database):
    await make_ahead(link)
    store = PostgresStore(Place(database), writer="grantd")
    await store.write(write("d1"))
    assert await raw.fetchval(f"SELECT id FROM {name_of(TODAY)}") == "d1"

    (head,) = await store.prune((TODAY + 1) * 86_400_000_000)

    assert head.seq == 1
    assert await partitions(raw) == [name_of(TODAY + number) for number in range(1, AHEAD + 1)]
    await store.close()


async def test_a_partition_in_use_is_waited_for_shortly_and_then_left(raw, link, monkeypatch):
    await make_ahead(link)
    async with raw.transaction():
        await raw.execute(f"SELECT FROM {name_of(TODAY)}")
        monkeypatch.setattr("grantd_server.store.postgres.partitions._TRIES", 2)
        with pytest.raises(Exception, match="cannot be dropped now"):
            await drop_before(link, TODAY + 1)
    await drop_before(link, TODAY + 1)
    assert name_of(TODAY) not in await partitions(raw)


async def test_who_may_not_change_tables_keeps_records_all_the_same(raw, database):
    await raw.execute("CREATE ROLE serving LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO serving")
    try:
        store = PostgresStore(Place(database.replace("grantd@", "serving@")), writer="w")
        await store.purge()
        await store.write(write("d1"))
        assert await partitions(raw) == []
        assert await raw.fetchval("SELECT id FROM records_rest") == "d1"
        await store.close()
    finally:
        await raw.execute("DROP OWNED BY serving; DROP ROLE serving")


async def test_one_chain_cannot_hold_a_place_twice_on_a_day(raw, database):
    store = PostgresStore(Place(database), writer="grantd")
    await store.write(write("d1"))
    with pytest.raises(asyncpg.UniqueViolationError):
        await raw.execute(
            "INSERT INTO records SELECT 'x', time_us, rpc, outcome, reason, issuer, client, subject, chain, body, writer, writer_epoch, seq, prev_hash, hash, day FROM records"
        )
    await store.close()
