"""PostgreSQL that is cut off at COMMIT, frozen, slow, stopped: what a call is told, in what
time, what is used up, and that it works again by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import asyncpg
import pytest

from grantd_server.audit.chain import verify
from grantd_server.store import Committed, Epochs, Lost, OutcomeUnknown, StoreUnavailable, Withdrawal
from grantd_server.store.postgres.connection.faults import Cut, NoAnswer, breaks, turned, turned_at_commit
from grantd_server.store.postgres.connection.link import Link, Place
from grantd_server.store.postgres.store import PostgresStore
from grantd_server.store.window.commit import Busy, Collided, Unanswered
from patience_ import LONG, hurried, hurry_one_commit, stopwatch
from postgres_ import free_port, frozen
from store_values import buried, digest, entry, mark, token, winners, write
from wire_ import wire_to

PATIENCE = 0.5
"""Seconds that a store waits for an answer while something is wrong; else it has long."""


@pytest.fixture
async def wire(database):
    port = int(database.rpartition(":")[2].partition("/")[0])
    async with wire_to(port) as way:
        yield way


@pytest.fixture
async def store(database, wire):
    """A store whose PostgreSQL is behind the wire."""
    host = database.rpartition("@")[2].partition("/")[0]
    place = Place(database.replace(host, f"127.0.0.1:{wire.listening}"), patience=LONG)
    opened = PostgresStore(place, writer="w")
    await opened.write(write("d0"))
    yield opened
    wire.flowing.set()
    wire.delay, wire.at_commit = 0, ""
    await opened.close()


@pytest.fixture
async def beside(database):
    """Another replica, whose wire is whole."""
    opened = PostgresStore(Place(database, patience=LONG), writer="beside")
    yield opened
    await opened.close()


@pytest.fixture
def hurried_commit(store, monkeypatch):
    """The next COMMIT has little time; what comes before and after has long."""
    hurry_one_commit(monkeypatch, store, PATIENCE)


async def backend(store):
    return (await store._database.writer.connected()).get_server_pid()


# COMMIT without an answer


@pytest.mark.req("B-20", "A-49")
@pytest.mark.usefixtures("hurried_commit")
@pytest.mark.parametrize(("at", "used"), [("cut before", False), ("cut after", True), ("hold", False)])
async def test_a_commit_without_an_answer_is_unknown_sent_once_and_never_released(store, beside, wire, at, used):
    wire.at_commit, wire.commits = at, 0
    outcomes = await asyncio.gather(
        *(store.write(write(f"d{i}", mark(f"jti-{i}"), issued=(token(f"token-{i}"),))) for i in (1, 2)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown] * 2
    assert wire.commits == 1, "one window, and nothing of it was sent again"
    await asyncio.wait_for(store._window._running, LONG)

    for i in (1, 2):
        again = await beside.write(write(f"again {i}", mark(f"jti-{i}")))
        assert again == (Lost(mark(f"jti-{i}"), f"d{i}") if used else Committed())
    assert {digest("token-1"), digest("token-2")} <= await buried(beside), "nobody was given these tokens"
    await store.write(write("after"))
    rows = [row async for row in beside.history()]
    assert verify(rows) is None
    assert next(row for row in rows if row.entry.id == "after").writer_epoch == 2


@pytest.mark.usefixtures("hurried_commit")
async def test_a_commit_that_a_frozen_backend_may_still_do_is_unknown_and_nobody_else_wins_meanwhile(
    store, beside, wire
):
    pid = await backend(store)
    wire.at_commit, wire.called = "call", lambda: os.kill(pid, signal.SIGSTOP)
    try:
        async with stopwatch() as watch:
            with pytest.raises(OutcomeUnknown):
                await store.write(write("d1", mark(), issued=(token(),)))
        assert watch.seconds < 2 * PATIENCE
        with pytest.raises(StoreUnavailable):
            await beside.write(write("d2", mark(), deadline=time.monotonic() + 0.4))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert (await beside.write(write("d3", mark(), deadline=time.monotonic() + LONG))).winner == "d1"
    await asyncio.wait_for(store._window._running, LONG)
    assert digest("token-1") in await buried(beside)


async def test_a_transaction_that_failed_before_is_not_taken_for_committed(store):
    transaction = await store._database.begin([])
    with pytest.raises(StoreUnavailable):
        await transaction._link.within("SELECT 1 / 0")
    with pytest.raises(StoreUnavailable, match="rolled back"):
        await transaction.commit()


# a frozen server


@pytest.mark.req("B-22")
async def test_one_frozen_backend_costs_one_call_its_time_and_the_next_has_another(store):
    pid = await backend(store)
    with frozen(pid):
        begun = time.monotonic()
        async with stopwatch() as watch:
            with hurried(store, PATIENCE), pytest.raises(StoreUnavailable):
                await store.write(write("d1", mark()))
        assert time.monotonic() - begun > PATIENCE * 0.9
        assert watch.seconds < 2 * PATIENCE
        assert await store.write(write("d2", mark())) == Committed()


@pytest.mark.req("B-22")
@pytest.mark.hostile("I11")
async def test_a_server_frozen_as_a_whole_refuses_every_call_in_bounded_time_and_goes_on_by_itself(store, server):
    async with stopwatch() as watch:
        with frozen(*server.processes()), hurried(store, PATIENCE):
            calls = [store.write(write(f"d{i}", mark(f"jti-{i}"))) for i in range(5)]
            reads = [store.live_state(0), store.entry("d0"), store.refresh_token(b"x" * 32), store.ping()]
            outcomes = await asyncio.gather(*calls, *reads, return_exceptions=True)
    assert all(isinstance(outcome, StoreUnavailable | OutcomeUnknown) for outcome in outcomes)
    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes[:5])
    assert watch.seconds < 3 * PATIENCE
    assert await store.write(write("d9", mark("jti-0"))) == Committed()
    assert (await store.live_state(0)).epochs == Epochs()


async def test_a_wire_that_goes_silent_refuses_in_bounded_time_and_is_made_anew(store, wire):
    wire.flowing.clear()
    async with stopwatch() as watch:
        with hurried(store, PATIENCE):
            with pytest.raises(StoreUnavailable):
                await store.write(write("d1", mark()))
            with pytest.raises(StoreUnavailable):
                await store.write(write("d2", mark("b")))
    assert watch.seconds < 3 * PATIENCE
    wire.flowing.set()
    assert await store.write(write("d3", mark())) == Committed()


# slow, stopped, killed


async def test_a_slow_server_is_waited_for_and_one_slower_than_the_time_allowed_is_not(store, wire):
    wire.delay = 0.05
    assert await store.write(write("d1", mark())) == Committed()
    wire.delay = 2 * PATIENCE
    with hurried(store, PATIENCE), pytest.raises(StoreUnavailable):
        await store.write(write("d2", mark("b")))
    wire.delay = 0
    assert await store.write(write("d3", mark("b"))) == Committed()


@pytest.mark.req("B-22")
@pytest.mark.hostile("F06")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
async def test_a_server_that_is_stopped_refuses_at_once_and_the_first_call_after_its_return_is_answered(
    store, server, how
):
    before = await store.write(write("d1", mark()))
    server.stop(how)
    try:
        async with stopwatch() as watch:
            with pytest.raises(StoreUnavailable):
                await store.write(write("d2", mark("b")))
            with pytest.raises(StoreUnavailable):
                await store.live_state(0)
        assert watch.seconds < 1, "it has long, and does not take it"
    finally:
        server.start()
    assert before == Committed()
    assert await store.write(write("d3", mark("b"))) == Committed()
    assert isinstance(await store.write(write("d4", mark())), Lost)


async def test_a_connection_that_was_closed_while_nobody_used_it_costs_no_call(store, beside):
    pid = await backend(store)
    await beside._side.fetch("SELECT pg_terminate_backend($1, 5000)", pid)
    assert await store.write(write("d1", mark())) == Committed()


async def test_of_several_servers_the_one_that_took_writes_last_is_tried_first(database):
    """The one before it may have come back as a primary of its own."""
    there = database.rpartition("@")[2].partition("/")[0]
    link = Link(Place(database.replace(there, f"127.0.0.1:{free_port()},{there}"), patience=LONG))
    dead, alive = link._servers
    for _ in range(3):
        await link.fetch("SELECT 1")
        assert link._servers == (alive, dead)
        link.drop()


HELD = "SELECT pg_advisory_lock(42)"
"""Takes as long as somebody else holds the lock."""


async def waits(beside):
    """Waits until somebody waits for a lock."""
    while not await beside._side.fetch("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.01)


async def test_a_caller_that_leaves_while_something_is_read_costs_the_others_nothing(store, beside):
    await store.entry("d0")
    link = store._side._link
    connection = link._connection
    await beside._side.fetch(HELD)
    reading = asyncio.create_task(store._side.fetch(HELD))
    await waits(beside)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await beside._side.fetch("SELECT pg_advisory_unlock(42)")
    assert (await store.entry("d0")).entry.id == "d0"
    assert link._connection is connection


async def test_a_read_that_takes_long_makes_the_others_wait_a_bounded_time_and_the_view_not_at_all(store, beside):
    await beside._side.fetch(HELD)
    slow = asyncio.create_task(store._side.fetch(HELD))
    await waits(beside)
    await store.live_state(0)
    async with stopwatch() as watch:
        with hurried(store, PATIENCE):
            outcomes = await asyncio.gather(*(store.entry("d0") for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    assert watch.seconds < 2 * PATIENCE
    assert not slow.done()
    await beside._side.fetch("SELECT pg_advisory_unlock(42)")
    await slow


async def test_a_write_behind_that_may_have_been_done_says_so(store, wire):
    row = {"minute": 1, "address": "192.0.2.1", "reason": "CLIENT_UNKNOWN", "count": 2, "decision_id": "d1"}
    await store.write_behind([row], "refusals")
    wire.flowing.clear()
    with hurried(store, PATIENCE):
        with pytest.raises(OutcomeUnknown):
            await store.write_behind([row], "refusals")
        with pytest.raises(StoreUnavailable):
            await store.write_behind([row], "refusals")
    wire.flowing.set()
    await store.write_behind([row], "refusals")
    assert (await store.aggregates("refusals"))[0]["count"] in {4, 6}


# a window under faults


async def test_calls_of_a_window_whose_connection_breaks_are_each_tried_again(store, beside):
    """COMMIT was not sent: the failure provably precedes it."""
    pid = await backend(store)

    class Breaking:
        def __init__(self, real):
            self.real = real

        async def begin(self, jobs):
            transaction = await self.real.begin(jobs)
            if jobs and jobs[0].write.entry.id == "d1" and not self.__dict__.get("broken"):
                self.broken = True
                await beside._side.fetch("SELECT pg_terminate_backend($1, 5000)", pid)
            return transaction

        def __getattr__(self, name):
            return getattr(self.real, name)

    store._window._database = Breaking(store._database)
    outcomes = await asyncio.gather(*(store.write(write(f"d{i}", mark(f"jti-{i}"))) for i in range(1, 6)))
    assert winners(outcomes) == 5


async def test_the_outcome_of_a_block_that_nobody_answered_is_told_as_unknown(store, beside, wire):
    wire.at_commit = "cut after"
    with pytest.raises(OutcomeUnknown):
        await store.withdraw(Withdrawal("user", "u", "left", None), entry("w1"))
    assert (await beside.live_state(0)).epochs == Epochs(withdrawals=1)


# what a fault means


def sent(state, severity="ERROR", message="Key (jti)=(canary) already exists"):
    """A fault as the server sends it."""
    return asyncpg.PostgresError.new({"C": state, "S": severity, "V": severity, "M": message, "D": "canary"})


@pytest.mark.parametrize(
    ("state", "kind", "broken"),
    [
        ("40001", Collided, False),
        ("40P01", Collided, False),
        ("55P03", Busy, False),
        ("23505", StoreUnavailable, False),
        ("42501", StoreUnavailable, False),
        ("25006", Cut, True),
        ("57P01", Cut, True),
        ("08006", Cut, True),
        ("XX000", Cut, True),
        ("58030", Cut, True),
    ],
)
def test_a_fault_before_commit_is_told_by_its_sqlstate_and_nothing_else(state, kind, broken):
    fault = turned(sent(state))
    assert type(fault) is kind
    assert str(fault) == f"SQLSTATE {state}"
    assert breaks(sent(state)) is broken


def test_silence_and_a_value_that_cannot_be_sent_are_told_apart():
    assert type(turned(TimeoutError())) is NoAnswer
    assert breaks(TimeoutError())
    assert type(turned(asyncpg.DataError("canary"))) is StoreUnavailable
    assert "canary" not in str(turned(asyncpg.DataError("canary")))
    assert not breaks(ValueError("canary"))
    assert breaks(asyncpg.InterfaceError("connection is closed"))
    assert breaks(ConnectionResetError())


@pytest.mark.parametrize(
    ("state", "severity", "kind"),
    [
        ("40001", "ERROR", Collided),
        ("40P01", "ERROR", Collided),
        ("23503", "ERROR", StoreUnavailable),
        ("40003", "ERROR", Unanswered),
        ("40001", "FATAL", Unanswered),
        ("57P01", "FATAL", Unanswered),
        ("08P01", "FATAL", Unanswered),
        ("57014", "ERROR", Unanswered),
        ("53100", "PANIC", Unanswered),
        ("XX000", "ERROR", Unanswered),
    ],
)
def test_at_commit_only_what_proves_that_it_took_no_effect_is_not_unknown(state, severity, kind):
    assert type(turned_at_commit(sent(state, severity))) is kind
    assert type(turned_at_commit(ConnectionResetError())) is Unanswered
    assert type(turned_at_commit(TimeoutError())) is Unanswered


async def test_an_address_is_in_no_fault_and_no_picture_of_the_store():
    place = Place(f"postgresql://u:hunter2@127.0.0.1:{free_port()}/d", patience=PATIENCE)
    store = PostgresStore(place, writer="w")
    with pytest.raises(StoreUnavailable) as refused:
        await store.write(write("d1"))
    assert "hunter2" not in f"{refused.value!r} {place!r} {refused.value.__context__!r}"
    assert "ConnectionRefusedError" in str(refused.value)
    await store.close()
