"""What keeps replicas apart: two stores on one PostgreSQL, and transactions held open at the
worst moment by a third party that takes no part in the protocol but its locks."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from hashlib import sha256

import asyncpg
import pytest

from grantd_server.audit.chain import verify
from grantd_server.store import Committed, Epochs, Lost, Moved, Space, StoreUnavailable, Tombstone, Withdrawal
from grantd_server.store.postgres import statements as sql
from grantd_server.store.postgres.connection.link import Place
from grantd_server.store.postgres.database import PostgresDatabase
from grantd_server.store.postgres.store import PostgresStore
from grantd_server.store.window.commit import Busy, Collided
from grantd_server.store.window.settlement import Job
from patience_ import LONG, listens, stopwatch
from store_values import CHAIN, buried, digest, entry, kept, mark, token, tombstone, winners, write


@pytest.fixture
async def replicas(database):
    stores = [PostgresStore(Place(database), writer=f"replica-{number}") for number in range(3)]
    yield stores
    for store in stores:
        await store.close()


@pytest.fixture
async def raw(database):
    connection = await asyncpg.connect(database)
    yield connection
    await connection.close()


@asynccontextmanager
async def open_transaction(database, *writes, effect=None):
    """A transaction of another replica, begun with its locks and not yet ended."""
    other = PostgresDatabase(Place(database))
    jobs = [Job(each, effect, 0, asyncio.get_running_loop().create_future()) for each in writes]
    transaction = await other.begin(jobs)
    try:
        yield transaction
    finally:
        await transaction.rollback()
        await other.writer.close()


async def waits(raw):
    """Waits until some session waits for a lock."""
    async with asyncio.timeout(LONG):
        while not await raw.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)


def ends(*digests):
    return write("r1", tombstones=tuple(Tombstone(each, 2**40) for each in digests))


async def nothing():
    """An effect that moves the live state."""


# the live state


@pytest.mark.req("B-38", "C-39")
async def test_a_block_is_committed_after_every_decision_that_did_not_know_it(replicas, database, raw):
    async with open_transaction(database, write("d1", epochs=Epochs())) as redeeming:
        assert (await redeeming.standing([]))[0] == Epochs()
        block = asyncio.create_task(replicas[0].withdraw(Withdrawal("user", "u", "left", None), entry("w1")))
        await waits(raw)
        assert not block.done()
        await redeeming.commit()
        await block
    assert await replicas[1].write(write("d2", mark(), epochs=Epochs())) == Moved(Epochs(withdrawals=1))


async def test_a_decision_waits_for_a_change_of_the_live_state_and_sees_it(replicas, database, raw):
    async with open_transaction(database, write("w1"), effect=nothing) as blocking:
        await blocking._link.within("UPDATE epochs SET withdrawals = 1")
        redeeming = asyncio.create_task(replicas[0].write(write("d1", mark(), epochs=Epochs())))
        await waits(raw)
        await blocking.commit()
        assert await redeeming == Moved(Epochs(withdrawals=1))
    assert await replicas[1].write(write("d2", mark(), epochs=Epochs(withdrawals=1))) == Committed()


async def test_an_activation_waits_for_whoever_decided_on_the_bundle_before(replicas, database, raw):
    await replicas[0].put_bundle("v1", b"{}", "ada", "")
    async with open_transaction(database, write("d1", issued=(token(),))) as redeeming:
        activation = asyncio.create_task(replicas[0].activate("v1", 0, entry("a1")))
        await waits(raw)
        await redeeming.commit()
        assert await activation == 1


async def test_refusals_wait_for_no_change_of_the_live_state(replicas, database):
    async with open_transaction(database, write("w1"), effect=nothing):
        assert await replicas[0].write(write("d1", mark())) == Committed()


async def test_a_change_that_never_ends_makes_decisions_unavailable_in_their_time(replicas, database):
    async with open_transaction(database, write("w1"), effect=nothing):
        async with stopwatch() as watch:
            with pytest.raises(StoreUnavailable):
                await replicas[0].write(write("d1", mark(), epochs=Epochs(), deadline=time.monotonic() + 0.6))
        assert watch.seconds < 1.5
    assert await replicas[0].write(write("d2", mark(), epochs=Epochs())) == Committed()


# chains


@pytest.mark.req("C-38")
@pytest.mark.parametrize(
    "issuing",
    [
        pytest.param(lambda: write("d1", issued=(token("late"),)), id="a token"),
        pytest.param(lambda: write("d1", refresh_tokens=(kept("late", family=CHAIN),)), id="a refresh token"),
    ],
)
async def test_a_revocation_waits_for_what_is_being_issued_below_it_and_ends_that_too(replicas, database, raw, issuing):
    issuing = issuing()
    async with open_transaction(database, issuing) as transaction:
        assert (await transaction.standing([CHAIN]))[1] == frozenset()
        if issuing.issued:
            await transaction.issue(issuing.issued)
        else:
            await transaction.keep(issuing.refresh_tokens)
        revocation = asyncio.create_task(replicas[0].write(ends(bytes.fromhex(CHAIN))))
        await waits(raw)
        assert not revocation.done()
        await transaction.commit()
        assert await revocation == Committed()
    gone = await buried(replicas[0])
    assert bytes.fromhex(CHAIN) in gone
    assert (digest("late") in gone) is bool(issuing.issued)


@pytest.mark.req("C-38")
async def test_what_would_be_issued_waits_for_a_revocation_under_way_and_is_refused(replicas, database, raw):
    ending = ends(bytes.fromhex(CHAIN))
    async with open_transaction(database, ending) as transaction:
        await transaction.bury(ending.tombstones)
        issuing = asyncio.create_task(replicas[0].write(write("d1", mark(), issued=(token("late"),))))
        await waits(raw)
        await transaction.commit()
        outcome = await issuing
    assert isinstance(outcome, Moved)
    assert outcome.buried == CHAIN


async def test_revoking_one_chain_keeps_nobody_from_issuing_on_another(replicas, database):
    other = sha256(b"other chain").hexdigest()
    async with open_transaction(database, ends(bytes.fromhex(CHAIN))):
        assert (
            await replicas[0].write(write("d1", mark(), epochs=Epochs(), issued=(token(chain=other),))) == Committed()
        )


async def test_issuing_on_one_chain_keeps_nobody_from_issuing_on_it(replicas, database):
    async with open_transaction(database, write("d1", issued=(token("a"),))):
        assert await replicas[0].write(write("d2", issued=(token("b"),))) == Committed()


@pytest.mark.req("C-38")
async def test_however_revocations_and_issues_race_no_token_lives_below_a_revoked_chain(replicas):
    for number in range(12):
        chain = sha256(b"raced %d" % number).hexdigest()
        issuing = [
            store.write(write(f"d{number}-{i}", issued=(token(f"t{number}-{i}", chain, life=900 + i),)))
            for i, store in enumerate(replicas)
        ]
        ending = replicas[number % 3].write(
            write(f"r{number}", tombstones=(Tombstone(bytes.fromhex(chain), int(time.time()) + 5),))
        )
        *issued, revoked = await asyncio.gather(*issuing, ending)
        assert revoked == Committed()
        live = {each.digest: each.expires for each in (await replicas[0].live_state(0)).tombstones}
        for i, outcome in enumerate(issued):
            assert (digest(f"t{number}-{i}") in live) is (outcome == Committed())
        longest = max((900 + i for i, outcome in enumerate(issued) if outcome == Committed()), default=0)
        assert live[bytes.fromhex(chain)] >= int(time.time()) + longest - 5


# the poll


@pytest.mark.req("C-39")
async def test_a_revocation_that_is_committed_long_after_it_was_written_is_polled_all_the_same(replicas, database, raw):
    old = tombstone("old")
    await replicas[0].write(write("r0", tombstones=(old,)))
    late = write("r1", tombstones=(tombstone("late"),))
    async with open_transaction(database, late) as transaction:
        await transaction.bury(late.tombstones)
        await transaction._link.within("UPDATE tombstones SET written = written - 3600")  # an hour in COMMIT
        since = (await replicas[1].live_state(0)).newest
        await transaction._link.within("UPDATE tombstones SET written = written WHERE digest = $1", old.digest)
        await transaction.commit()
    found = await replicas[1].live_state(since - 3600)
    assert digest("late") in {each.digest for each in found.tombstones}


async def test_revocations_are_dated_in_the_order_of_their_commits(replicas, raw):
    await replicas[0].write(write("r0", tombstones=(tombstone("t0"),)))
    await raw.execute("UPDATE tombstones SET written = written + 5000")  # the clock of the primary before this one
    since = (await replicas[1].live_state(0)).newest
    await replicas[0].write(write("r1", tombstones=(tombstone("t1"),)))

    found = await replicas[1].live_state(since)
    assert digest("t1") in {each.digest for each in found.tombstones}
    assert found.newest >= since
    assert found.now < since, "the clock itself is told as it is"


async def test_one_revocation_is_committed_after_the_other(replicas, database, raw):
    first = write("r1", tombstones=(tombstone("t1"),))
    async with open_transaction(database, first) as transaction:
        await transaction.bury(first.tombstones)
        second = asyncio.create_task(replicas[0].write(write("r2", tombstones=(tombstone("t2"),))))
        await waits(raw)
        await transaction.commit()
        assert await second == Committed()


async def test_a_longer_revocation_is_polled_again(replicas, raw):
    await replicas[0].write(write("r1", tombstones=(tombstone("t1", 60),)))
    await raw.execute("UPDATE tombstones SET written = written - 3600")
    longer = tombstone("t1", 600)
    await replicas[0].write(write("r2", tombstones=(longer,)))
    assert (await replicas[1].live_state(int(time.time()) - 60)).tombstones == (longer,)


async def test_a_change_wakes_a_replica_that_listens(replicas, database):
    listening = PostgresStore(Place(database), writer="w", wake=Place(database))
    try:
        await listens(listening)
        for change in (
            replicas[0].write(write("r1", tombstones=(tombstone("t1"),))),
            replicas[0].withdraw(Withdrawal("user", "u", "left", None), entry("w1")),
            replicas[0].restore("user", "u", entry("w2")),
        ):
            async with stopwatch() as watch:
                waiting = asyncio.create_task(listening.changed(20))
                await change
                await waiting
            assert watch.seconds < 5
        begun = time.monotonic()
        await listening.changed(0.2)
        assert time.monotonic() - begun > 0.15, "nothing had changed"
    finally:
        await listening.close()


# marks


async def test_three_replicas_that_meet_on_the_same_marks_in_other_orders_never_block_each_other(replicas):
    """A pair of marks, taken in both orders, with and without a proof before them."""

    async def storm(store, number):
        outcomes = []
        for turn in range(15):
            jtis = [f"{turn}-{i}" for i in range(6)]
            ordered = jtis if number % 2 else jtis[::-1]
            calls = [
                store.write(
                    write(
                        f"d{number}-{turn}-{i}",
                        *([mark(f"p{jti}", Space.CLIENT_ASSERTION)] if (i + number) % 2 else []),
                        mark(jti),
                    )
                )
                for i, jti in enumerate(ordered)
            ]
            outcomes += await asyncio.gather(*calls)
        return outcomes

    async with stopwatch() as watch:
        storms = await asyncio.gather(*(storm(store, number) for number, store in enumerate(replicas)))
    outcomes = [outcome for each in storms for outcome in each]
    assert winners(outcomes) <= 15 * 6
    assert all(isinstance(outcome, Committed | Lost) for outcome in outcomes)
    assert watch.seconds < 15
    assert verify([row async for row in replicas[0].history()]) is None


async def test_a_mark_that_another_replica_may_still_give_up_is_waited_for(replicas, database, raw):
    async with open_transaction(database, write("d1", mark())) as transaction:
        assert await transaction.remember([(mark(), "d1")]) == [None]
        waiting = asyncio.create_task(replicas[0].write(write("d2", mark())))
        await waits(raw)
        await transaction.rollback()
        assert await waiting == Committed()


async def test_a_mark_that_leaves_while_its_winner_is_looked_up_is_tried_again_later(replicas, database, raw):
    await replicas[0].write(write("d1", mark(until=5)))
    async with open_transaction(database, write("d2", mark())) as transaction:
        within = transaction._link.within

        async def purged_before(statement, *values):
            if statement == sql.WINNERS:
                await raw.execute("DELETE FROM marks")
            return await within(statement, *values)

        transaction._link.within = purged_before
        with pytest.raises(Busy):
            await transaction.remember([(mark(), "d2")])


async def test_a_mark_held_by_a_transaction_that_never_ends_harms_its_own_call_only(replicas, database):
    async with open_transaction(database, write("d1", mark())) as transaction:
        await transaction.remember([(mark(), "d1")])
        outcomes = await asyncio.gather(
            *(replicas[0].write(write(f"d{i}", mark("jti-1" if i == 5 else f"free-{i}"))) for i in range(2, 9)),
            return_exceptions=True,
        )
    assert [isinstance(outcome, StoreUnavailable) for outcome in outcomes] == [i == 5 for i in range(2, 9)]


@pytest.mark.hostile("F20")
async def test_a_deadlock_made_by_hand_is_survived(database, raw):
    """The protocol leaves no way to one; an administrator's own transaction may."""
    other = await asyncpg.connect(database)
    await raw.execute("BEGIN; SET LOCAL deadlock_timeout = '60s'")
    await raw.execute("INSERT INTO marks VALUES (1, 'b', sha256('b'), 1, 0, 'x')")
    async with open_transaction(database, write("d1", mark())) as transaction:
        await transaction._link.within(
            "SELECT set_config('lock_timeout', '0', true), set_config('deadlock_timeout', '20ms', true)"
        )
        await transaction.remember([(mark("a", issuer="a"), "d1")])
        row = "INSERT INTO marks VALUES (1, 'a', sha256('a'), 1, 0, 'x') ON CONFLICT DO NOTHING"
        blocked = asyncio.create_task(raw.execute(row))
        await waits(other)
        with pytest.raises(Collided):
            await transaction.remember([(mark("b", issuer="b"), "d1")])
        await transaction.rollback()
        await blocked
    await raw.execute("ROLLBACK")
    await other.close()


# the transaction


async def test_a_transaction_is_durable_and_cannot_be_held_open(database, raw):
    await raw.execute(f"ALTER DATABASE {database.rpartition('/')[2]} SET synchronous_commit = off")
    await raw.execute(f"ALTER DATABASE {database.rpartition('/')[2]} SET statement_timeout = '10ms'")
    await raw.execute(f"ALTER DATABASE {database.rpartition('/')[2]} SET default_transaction_isolation = serializable")
    async with open_transaction(database, write("d1")) as transaction:

        async def setting(name):
            return (await transaction._link.within("SELECT current_setting($1)", name))[0][0]

        assert await setting("synchronous_commit") == "on"
        assert await setting("statement_timeout") == "0", "it would cut the wait for a standby short"
        assert await setting("idle_in_transaction_session_timeout") == "5s"
        assert await setting("lock_timeout") == "250ms"
        assert await setting("transaction_isolation") == "read committed"


async def test_work_without_a_write_waits_for_nobody(database):
    async with open_transaction(database, write("w1"), effect=nothing):
        job = Job(None, None, 0, asyncio.get_running_loop().create_future())
        other = PostgresDatabase(Place(database))
        await (await other.begin([job])).rollback()
        await other.writer.close()


async def test_a_stricter_durability_of_the_database_is_left_as_it_is(database, raw):
    await raw.execute(f"ALTER DATABASE {database.rpartition('/')[2]} SET synchronous_commit = remote_apply")
    async with open_transaction(database, write("d1")) as transaction:
        assert (await transaction._link.within("SHOW synchronous_commit"))[0][0] == "remote_apply"


async def test_nothing_of_a_transaction_runs_on_another_connection(database, raw):
    """Its statements would stand alone there, and be committed one by one."""
    async with open_transaction(database, write("d1")) as transaction:
        await transaction.remember([(mark(), "d1")])
        pid = transaction._link.in_transaction().get_server_pid()
        await raw.fetch("SELECT pg_terminate_backend($1, 5000)", pid)
        await transaction.issue((token(),))
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await transaction.keep((kept(),))
            with pytest.raises(StoreUnavailable):
                await transaction.commit()
    assert await raw.fetchval("SELECT (SELECT count(*) FROM issued) + (SELECT count(*) FROM refresh_tokens)") == 0


async def test_a_transaction_that_was_given_up_is_not_committed(database, raw):
    async with open_transaction(database, write("d1")) as transaction:
        await transaction.rollback()
        with pytest.raises(StoreUnavailable):
            await transaction.commit()


async def test_a_listener_that_was_cut_off_listens_again(replicas, database, raw):
    listening = PostgresStore(Place(database), writer="w", wake=Place(database))
    try:
        await listens(listening)
        await raw.fetch(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
        await listening.changed(0.01)  # it hears that it was cut off
        await listens(listening)
        async with stopwatch() as watch:
            waiting = asyncio.create_task(listening.changed(20))
            await replicas[0].write(write("r1", tombstones=(tombstone("t1"),)))
            await waiting
        assert watch.seconds < 5
    finally:
        await listening.close()


async def test_a_window_of_any_size_takes_few_round_trips(database):
    store = PostgresStore(Place(database), writer="w")
    try:
        await store.write(write("first", mark(), epochs=Epochs(), issued=(token(),)))  # the driver learns the types
        asked = []
        (await store._database.writer.connected()).add_query_logger(lambda record: asked.append(record.query))
        outcomes = await asyncio.gather(
            *(store.write(write(f"d{i}", mark(f"j{i}"), epochs=Epochs(), issued=(token(f"t{i}"),))) for i in range(100))
        )
        assert winners(outcomes) == 100
        assert [query.split()[0] for query in asked] == ["BEGIN", "SELECT", "INSERT", "WITH", "COMMIT"]
    finally:
        await store.close()
