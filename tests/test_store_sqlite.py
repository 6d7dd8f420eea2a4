"""The store contract over SQLite files, and what is SQLite's own: locks, a full disk,
a COMMIT without an answer, the schema gate."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
import time

import pytest

from patience_ import stopwatch

pytest.register_assert_rewrite("store_contract", "store_contract_bound", "store_contract_governed")

from grantd_server.audit.chain import verify  # noqa: E402 after the rewrite
from grantd_server.store import Committed, Lost, OutcomeUnknown, StoreUnavailable, Tombstone, migrations  # noqa: E402 after the rewrite
from grantd_server.store.schema import REVISION, SchemaMismatch  # noqa: E402 after the rewrite
from grantd_server.store.sqlite.database import SqliteDatabase, SqliteTransaction  # noqa: E402 after the rewrite
from grantd_server.store.sqlite.store import SqliteStore  # noqa: E402 after the rewrite
from store_contract import *  # noqa: E402, F403 the whole contract is collected here
from store_contract_bound import *  # noqa: E402, F403 the same
from store_contract_governed import *  # noqa: E402, F403 the same
from store_values import buried, digest, mark, token, write  # noqa: E402 after the rewrite
from stores_ import closed_in_the_end  # noqa: E402 after the rewrite


@pytest.fixture
def path(tmp_path):
    return tmp_path / "grantd.db"


@pytest.fixture
async def open_store(path):
    def opened(**settings):
        return SqliteStore.open(path, **settings)

    async with closed_in_the_end(opened) as open_one:
        yield open_one


@contextlib.contextmanager
def locked(path):
    """Another process that holds the write lock."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield other
    finally:
        other.close()


# settings


async def test_a_commit_is_durable_and_waits_for_no_lock_inside_a_call(store):
    writer, reader = store._database.writer, store._database.reader

    def pragma(connection, name):
        return connection.execute(f"PRAGMA {name}").fetchone()[0]

    assert (pragma(writer, "journal_mode"), pragma(writer, "synchronous")) == ("wal", 2)
    assert (pragma(writer, "busy_timeout"), pragma(reader, "busy_timeout")) == (0, 0)
    with pytest.raises(sqlite3.OperationalError):
        reader.execute("DELETE FROM marks")


async def test_a_file_that_came_back_from_a_backup_without_its_log_gets_one(store, open_store, path):
    await store.close()
    with contextlib.closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA journal_mode = DELETE")

    assert open_store()._database.writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_a_broken_connection_fails_one_window_and_is_made_anew(store):
    store._database.writer.close()

    with pytest.raises(StoreUnavailable):
        await store.write(write("d1", mark()))
    assert await store.write(write("d2", mark())) == Committed()


# locks


@pytest.mark.req("B-22")
async def test_a_database_locked_beyond_the_deadline_is_unavailable_and_nothing_is_used(store, path):
    with locked(path):
        begun = time.monotonic()
        async with stopwatch() as watch:
            with pytest.raises(StoreUnavailable):
                await store.write(write("d1", mark(), deadline=begun + 0.3))
        assert time.monotonic() - begun > 0.24
        assert watch.seconds < 1

    assert await store.write(write("d2", mark())) == Committed()
    assert await store.entry("d1") is None


async def test_every_waiting_call_of_a_locked_database_is_answered_at_its_own_deadline(store, path):
    now = time.monotonic()

    async def refused_after(seconds):
        with pytest.raises(StoreUnavailable):
            await store.write(write(f"d{seconds}", deadline=now + seconds))
        return watch.seconds

    async with stopwatch() as watch:
        with locked(path):
            slow = asyncio.create_task(refused_after(0.4))
            await asyncio.sleep(0.01)  # the window is already waiting when the others come
            early, ping = await asyncio.gather(refused_after(0.1), refused_after(0.15))
            assert early < 0.3
            assert ping < 0.35
            assert await slow < 0.8


async def test_a_short_lock_is_waited_for_without_stopping_the_loop(store, path):
    with locked(path) as other:
        asyncio.get_running_loop().call_later(0.03, other.execute, "ROLLBACK")
        assert await store.write(write("d1", mark())) == Committed()


async def test_reading_does_not_wait_for_a_writer(store, path):
    await store.write(write("d1"))
    with locked(path):
        assert (await store.entry("d1")).entry.id == "d1"
        assert (await store.live_state(0)).tombstones == ()


class RecoveringReader:
    """A connection that finds the file busy, as while another process recovers its log."""

    def __init__(self, real, times):
        self.real, self.times = real, times

    def execute(self, *statement):
        if self.times == 0:
            return self.real.execute(*statement)
        self.times -= 1
        fault = sqlite3.OperationalError("database is locked")
        fault.sqlite_errorcode, fault.sqlite_errorname = sqlite3.SQLITE_BUSY_RECOVERY, "SQLITE_BUSY_RECOVERY"
        raise fault

    def close(self):
        self.real.close()


@pytest.mark.parametrize(("times", "found"), [(3, True), (10_000, False)])
async def test_reading_waits_a_bounded_time_while_the_file_is_recovered(path, times, found):
    ticks = itertools.count(0, 0.05)
    await SqliteStore.open(path).close()
    store = SqliteStore(SqliteDatabase(path), monotonic=lambda: next(ticks))
    await store.write(write("d1"))
    store._database._reader = RecoveringReader(store._database.reader, times)

    if found:
        assert (await store.entry("d1")).entry.id == "d1"
    else:
        with pytest.raises(StoreUnavailable, match="SQLITE_BUSY_RECOVERY"):
            await store.entry("d1")
    await store.close()


# a full disk


@pytest.mark.req("B-22")
async def test_a_full_disk_is_unavailable_and_uses_nothing_up(store):
    pages = store._database.writer.execute("PRAGMA page_count").fetchone()[0]
    store._database.writer.execute(f"PRAGMA max_page_count = {pages}")
    big = {"columns": {"body": b"x" * 100_000}}

    outcomes = await asyncio.gather(
        *(store.write(write(f"d{i}", mark(f"jti-{i}"), **big)) for i in range(3)), return_exceptions=True
    )

    assert [str(outcome) for outcome in outcomes] == ["SQLITE_FULL"] * 3
    store._database.writer.execute("PRAGMA max_page_count = 1000000")
    for i in range(3):
        assert await store.write(write(f"again {i}", mark(f"jti-{i}"))) == Committed()


# COMMIT without an answer


class Unsure(SqliteTransaction):
    """The connection breaks at COMMIT, once: `after` it took effect, `before` it did,
    or, `open`, with an answer that leaves the transaction open."""

    __slots__ = ("_at", "_driver")

    def __init__(self, connection, at):
        super().__init__(connection)
        self._driver, self._at = connection.execute, at
        self._execute = self._breaking

    def _breaking(self, statement, *parameters):
        if statement != "COMMIT":
            return self._driver(statement, *parameters)
        if self._at != "open":
            self._driver("COMMIT" if self._at == "after" else "ROLLBACK")
        raise sqlite3.OperationalError("disk I/O error")


class BreakingDatabase(SqliteDatabase):
    def __init__(self, path):
        super().__init__(path)
        self.breaks = []

    async def begin(self, jobs):
        transaction = await super().begin(jobs)
        return Unsure(self.writer, self.breaks.pop(0)) if self.breaks else transaction


@pytest.fixture
async def breaking(path):
    await SqliteStore.open(path).close()
    store = SqliteStore(BreakingDatabase(path))
    yield store
    await store.close()


@pytest.mark.parametrize(("at", "used"), [("after", True), ("before", False)])
async def test_a_commit_without_an_answer_is_unknown_and_never_tried_again(breaking, at, used):
    await breaking.write(write("d0"))
    breaking._database.breaks = [at]

    outcomes = await asyncio.gather(
        *(breaking.write(write(f"d{i}", mark(f"jti-{i}"), issued=(token(f"token-{i}"),))) for i in (1, 2)),
        return_exceptions=True,
    )

    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown] * 2
    for i in (1, 2):
        assert (await breaking.entry(f"d{i}") is not None) is used
        again = await breaking.write(write(f"again {i}", mark(f"jti-{i}")))
        assert again == (Lost(mark(f"jti-{i}", until=again.mark.until), f"d{i}") if used else Committed())
    assert {digest("token-1"), digest("token-2")} <= await buried(breaking), "nobody was given these tokens"


@pytest.mark.parametrize("at", ["after", "before"])
async def test_after_an_unknown_commit_the_writer_starts_a_new_epoch_from_the_head_read_back(breaking, at):
    await breaking.write(write("d0"))
    breaking._database.breaks = [at]
    with pytest.raises(OutcomeUnknown):
        await breaking.write(write("d1"))
    await breaking.write(write("d2"))

    rows = [row async for row in breaking.history()]
    assert verify(rows) is None
    assert [(row.entry.id, row.writer_epoch) for row in rows][-1] == ("d2", 2)
    assert len(rows) == (3 if at == "after" else 2)


async def test_undelivered_tokens_are_revoked_on_reconnect_without_waiting_for_another_call(breaking):
    breaking._database.breaks = ["after", "after", "before"]
    with pytest.raises(OutcomeUnknown):
        await breaking.write(write("d1", issued=(token("t1"),)))

    await asyncio.wait_for(breaking._window._running, 5)
    assert digest("t1") in await buried(breaking)


async def test_a_commit_that_provably_did_not_happen_is_tried_once_more_alone(breaking):
    breaking._database.breaks = ["open"]
    outcomes = await asyncio.gather(*(breaking.write(write(f"d{i}", mark(f"jti-{i}"))) for i in range(3)))
    assert outcomes == [Committed()] * 3

    breaking._database.breaks = ["open"]
    with pytest.raises(StoreUnavailable):
        await breaking.write(write("d9", mark("jti-9")))
    assert await breaking.write(write("d10", mark("jti-9"))) == Committed()


async def test_a_store_whose_file_cannot_be_opened_is_unavailable(tmp_path, path):
    with pytest.raises(StoreUnavailable):
        SqliteStore.open(tmp_path / "no such folder" / "grantd.db")
    path.write_bytes(b"this is no database, it only looks like a file" * 100)
    with pytest.raises(StoreUnavailable):
        SqliteStore.open(path)


# the schema


def test_models_and_migrations_agree(path):
    migrations.upgrade(f"sqlite:///{path}")

    assert migrations.check(f"sqlite:///{path}") == []
    assert migrations.newest() == REVISION
    with contextlib.closing(sqlite3.connect(path)) as raw:
        raw.execute("ALTER TABLE records ADD COLUMN surprise TEXT")
    assert migrations.check(f"sqlite:///{path}") != []


def test_migrating_twice_changes_nothing(path):
    migrations.upgrade(f"sqlite:///{path}")
    before = path.read_bytes()
    migrations.upgrade(f"sqlite:///{path}")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE alembic_version SET version_num = '0999'", "0999"),
        ("DELETE FROM alembic_version", None),
        ("DROP TABLE alembic_version", None),
    ],
)
async def test_another_schema_is_refused_at_open_and_left_alone(path, change, found):
    await SqliteStore.open(path).close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute(change)

    with pytest.raises(SchemaMismatch, match="grantd db upgrade") as mismatch:
        SqliteStore.open(path)
    assert mismatch.value.found == found


async def test_a_record_cannot_be_stored_with_a_digest_of_another_length(store):
    with pytest.raises(StoreUnavailable, match="CONSTRAINT"):
        await store.write(write("d1", tombstones=(Tombstone(b"short", 2**40),)))
