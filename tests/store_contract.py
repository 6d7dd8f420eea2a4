"""What every store keeps, whatever is behind it.

A test file for one database defines the fixture `open_store` (opens another store on
the same, fresh database; keyword settings are handed on) and imports all of this.
"""

from __future__ import annotations

import asyncio
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from grantd_server.audit.chain import Head, verify
from grantd_server.store import (
    Committed,
    Conflict,
    Epochs,
    Lost,
    Moved,
    Outcome,
    Space,
    Store,
    StoreUnavailable,
    Tombstone,
    Withdrawal,
    Write,
)
from store_values import CHAIN, ISSUER, buried, digest, entry, mark, race, token, tombstone, winners, write

if TYPE_CHECKING:
    from collections.abc import Callable

    OpenStore = Callable[..., Any]


@pytest.fixture
async def store(open_store: OpenStore) -> Store:
    return open_store()


# once only


@pytest.mark.req("B-20", "B-21")
@pytest.mark.hostile("R02")
@pytest.mark.parametrize("contenders", [2, 8, 50])
async def test_of_many_concurrent_writes_of_one_mark_exactly_one_wins(store, contenders):
    outcomes = await race(store, contenders)

    assert winners(outcomes) == 1
    winner = f"d{next(i for i, outcome in enumerate(outcomes) if isinstance(outcome, Committed))}"
    losers = [outcome for outcome in outcomes if isinstance(outcome, Lost)]
    assert len(losers) == contenders - 1
    assert {loser.winner for loser in losers} == {winner}


@pytest.mark.hostile("R02")
async def test_of_three_stores_on_one_database_exactly_one_write_of_one_mark_wins(open_store):
    stores = [open_store() for _ in range(3)]

    outcomes = await asyncio.gather(*(store.write(write(f"d{i}", mark())) for i, store in enumerate(stores * 10)))

    assert winners(outcomes) == 1


@pytest.mark.req("B-20", "G-20")
@pytest.mark.hostile("R01")
async def test_a_used_mark_stays_used_after_a_restart(open_store):
    first = open_store()
    assert await first.write(write("d1", mark())) == Committed()
    await first.close()

    assert await open_store().write(write("d2", mark())) == Lost(mark(), "d1")


@pytest.mark.req("G-18")
@pytest.mark.hostile("R03", "R07")
@pytest.mark.parametrize(
    "other",
    [
        pytest.param(mark(issuer="https://other.example"), id="another issuer"),
        pytest.param(mark(space=Space.CLIENT_ASSERTION), id="a client assertion"),
        pytest.param(mark(space=Space.DPOP), id="a DPoP proof"),
        pytest.param(mark(issuer="https://IDP.example"), id="an issuer in other letters"),
        pytest.param(mark(issuer=ISSUER + "/"), id="an issuer with a slash"),
        pytest.param(mark("JTI-1"), id="a jti in other letters"),
    ],
)
async def test_the_same_jti_elsewhere_is_another_mark(store, other):
    assert await store.write(write("d1", mark())) == Committed()
    assert await store.write(write("d2", other)) == Committed()


async def test_composed_and_decomposed_letters_are_different_issuers(store):
    assert await store.write(write("d1", mark(issuer="https://caf\u00e9.example"))) == Committed()
    assert await store.write(write("d2", mark(issuer="https://cafe\u0301.example"))) == Committed()


async def test_a_use_limit_admits_that_many_calls_and_no_more(store):
    outcomes = await asyncio.gather(*(store.write(write(f"d{i}", mark(uses=3))) for i in range(10)))

    assert winners(outcomes) == 3
    assert {o.winner for o in outcomes if isinstance(o, Lost)} <= {
        f"d{i}" for i, outcome in enumerate(outcomes) if outcome == Committed()
    }


async def test_a_lowered_use_limit_counts_the_uses_made_before(store):
    assert await store.write(write("d1", mark(uses=3))) == Committed()
    assert isinstance(await store.write(write("d2", mark(uses=1))), Lost)


async def test_a_replayed_client_assertion_does_not_use_up_the_grant(store):
    proof = mark("proof", Space.CLIENT_ASSERTION, "agent@https://as.example")
    assert await store.write(write("d1", proof)) == Committed()

    assert await store.write(write("d2", mark(), proof)) == Lost(proof, "d1")

    assert await store.write(write("d3", mark())) == Committed()


async def test_a_replayed_client_assertion_in_the_same_window_does_not_use_up_the_grant(store):
    proof = mark("proof", Space.CLIENT_ASSERTION, "agent@https://as.example")

    outcomes = await asyncio.gather(
        store.write(write("d1", proof, mark("grant-a"))), store.write(write("d2", proof, mark("grant-b")))
    )

    assert outcomes == [Committed(), Lost(proof, "d1")]
    assert await store.write(write("d3", mark("grant-b"))) == Committed()


async def test_a_replayed_grant_uses_up_the_fresh_client_assertion(store):
    proof = mark("proof", Space.CLIENT_ASSERTION, "agent@https://as.example")
    assert await store.write(write("d1", mark())) == Committed()
    assert await store.write(write("d2", proof, mark())) == Lost(mark(), "d1")

    assert await store.write(write("d3", proof)) == Lost(proof, "d2")


async def test_the_loser_is_on_record_with_the_winner_and_issues_nothing(store):
    await store.write(write("d1", mark(), issued=(token("t1"),)))
    await store.write(write("d2", mark(), issued=(token("t2"),), tombstones=(tombstone("t9"),)))

    found = await store.entry("d2")
    assert (found.entry.outcome, found.entry.reason, found.entry.body) == ("refused", "ASSERTION_REPLAYED", b'"d1"')
    await store.write(write("d3", tombstones=(Tombstone(bytes.fromhex(CHAIN), 2**40),)))
    assert await buried(store) == {bytes.fromhex(CHAIN), digest("t1")}


@pytest.mark.req("G-20")
@pytest.mark.hostile("R10")
async def test_marks_are_purged_long_after_their_time_by_the_database_clock_and_never_before(store):
    now = int(time.time())
    kept = {"live": now + 5, "just over": now - 5, "in the margin": now - 290}
    gone = {"over": now - 310, "long over": 5}
    for jti, until in {**kept, **gone}.items():
        await store.write(write(f"first {jti}", mark(jti, until=until)))

    while await store.purge():
        pass

    for jti in kept:
        assert isinstance(await store.write(write(f"again {jti}", mark(jti))), Lost), jti
    for jti in gone:
        assert await store.write(write(f"again {jti}", mark(jti))) == Committed(), jti


async def test_a_purge_takes_small_bites(open_store):
    store = open_store(bite=3)
    for number in range(8):
        await store.write(write(f"d{number}", mark(f"jti-{number}", until=5)))

    assert [await store.purge() for _ in range(4)] == [3, 3, 2, 0]


# all or nothing


async def test_a_bad_row_harms_only_its_own_call(store):
    async def one(number: int) -> Outcome | StoreUnavailable:
        columns = {"client": "\ud800"} if number == 3 else {}  # UTF-8 has no lone surrogate
        try:
            return await store.write(write(f"d{number}", mark(f"jti-{number}"), columns=columns))
        except StoreUnavailable as unavailable:
            return unavailable

    outcomes = await asyncio.gather(*(one(number) for number in range(8)))

    assert winners(outcomes) == 7
    assert isinstance(outcomes[3], StoreUnavailable)
    assert await store.write(write("again", mark("jti-3"))) == Committed()


@pytest.mark.hostile("L03")
async def test_a_fault_shows_no_value_of_the_row(store):
    await store.write(write("canary-7d1f"))
    with pytest.raises(StoreUnavailable) as twice:
        await store.write(write("canary-7d1f"))
    with pytest.raises(StoreUnavailable) as unheld:
        await store.write(write("d2", columns={"client": "canary-7d1f\ud800"}))

    for unavailable in (twice.value, unheld.value):
        assert "canary" not in f"{unavailable!r} {unavailable.__cause__!r} {unavailable.__context__!r}"


async def test_marks_without_a_record_for_the_loser_are_refused_and_use_nothing_up(store):
    with pytest.raises(TypeError):
        await store.write(Write(entry("d1"), (mark(),)))
    assert await store.entry("d1") is None
    assert await store.write(write("d2", mark())) == Committed()


async def test_a_write_with_too_little_time_is_refused_before_it_queues(store):
    with pytest.raises(StoreUnavailable):
        await store.write(write("d1", mark(), deadline=time.monotonic() + 0.045))

    assert await store.write(write("d2", mark(), deadline=time.monotonic() + 5)) == Committed()
    assert await store.entry("d1") is None


async def test_a_cancelled_callers_write_is_committed(store):
    call = asyncio.create_task(store.write(write("d1", mark())))
    await asyncio.sleep(0)  # the call has queued its write, and waits
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert await store.write(write("d2", mark())) == Lost(mark(), "d1")
    assert (await store.entry("d1")).entry.outcome == "granted"


async def test_a_closed_store_has_written_what_waited_and_takes_nothing_more(open_store):
    store = open_store()
    waiting = [asyncio.create_task(store.write(write(f"d{i}"))) for i in range(5)]
    await asyncio.sleep(0)
    await store.close()

    assert len(await open_store().entries(limit=9)) == 5
    assert [await call for call in waiting] == [Committed()] * 5
    with pytest.raises(StoreUnavailable):
        await store.write(write("late"))


# the live state


async def activated(store: Store, version: str, expected: int) -> int:
    await store.put_bundle(version, f'"{version}"'.encode(), "ada", "first")
    return await store.activate(version, expected, entry(f"act-{version}-{expected}", rpc="ActivateBundle"))


async def test_a_decision_made_under_an_older_bundle_writes_nothing_and_is_told_so(store):
    assert await store.write(write("d1", epochs=Epochs())) == Committed()
    await activated(store, "v1", 0)

    outcome = await store.write(write("d2", mark(), epochs=Epochs()))

    assert outcome == Moved(Epochs(bundle=1))
    assert await store.entry("d2") is None
    assert await store.write(write("d3", mark(), epochs=outcome.epochs)) == Committed()


async def test_a_decision_made_before_a_withdrawal_writes_nothing(store):
    await store.withdraw(Withdrawal("user", "corp:u-1", "left", None), entry("w1"))

    assert await store.write(write("d1", mark(), epochs=Epochs())) == Moved(Epochs(withdrawals=1))
    assert await store.write(write("d2", mark(), epochs=None)) == Committed()


async def test_a_revocation_does_not_make_other_chains_decide_again(store):
    await store.write(write("r1", tombstones=(tombstone("elsewhere"),)))

    assert await store.write(write("d1", mark(), epochs=Epochs(), issued=(token(),))) == Committed()


async def test_an_activation_in_the_same_window_moves_the_decisions_in_it(store):
    await store.put_bundle("v1", b"{}", "ada", "")

    moved, epoch = await asyncio.gather(
        store.write(write("d1", mark(), epochs=Epochs())), store.activate("v1", 0, entry("a1"))
    )

    assert (moved, epoch) == (Moved(Epochs(bundle=1)), 1)


async def test_nothing_is_issued_on_a_revoked_chain(store):
    await store.write(write("r1", tombstones=(Tombstone(bytes.fromhex(CHAIN), 2**40),)))

    outcome = await store.write(write("d1", mark(), issued=(token(),)))

    assert isinstance(outcome, Moved)
    assert outcome.buried == CHAIN
    assert await store.entry("d1") is None
    other = sha256(b"other chain").hexdigest()
    assert await store.write(write("d2", mark(), issued=(token(chain=other),))) == Committed()


async def test_a_revocation_in_the_same_window_stops_what_would_be_issued_below_it(store):
    issuing, revoking = await asyncio.gather(
        store.write(write("d1", mark(), issued=(token("late"),))),
        store.write(write("r1", tombstones=(Tombstone(bytes.fromhex(CHAIN), 2**40),))),
    )

    assert revoking == Committed()
    assert isinstance(issuing, Moved)
    assert digest("late") not in await buried(store)


async def test_revoking_a_chain_revokes_its_live_tokens_and_no_others(store):
    other = sha256(b"other chain").hexdigest()
    issued = (token("a"), token("b"), token("expired", life=-10), token("c", chain=other))
    await store.write(write("d1", issued=issued))

    await store.write(write("r1", tombstones=(Tombstone(bytes.fromhex(CHAIN), 5),)))

    live = {found.digest: found.expires for found in (await store.live_state(0)).tombstones}
    assert live.keys() == {bytes.fromhex(CHAIN), digest("a"), digest("b")}
    assert live[bytes.fromhex(CHAIN)] == issued[0].expires, "a chain's tombstone outlives its longest-lived token"


@pytest.mark.parametrize("lives", [(60, 600), (600, 60)])
async def test_a_token_revoked_twice_stays_revoked_for_the_longer_time(store, lives):
    both = [tombstone("t1", life) for life in lives]
    for number, each in enumerate(both):
        await store.write(write(f"r{number}", tombstones=(each,)))

    assert (await store.live_state(0)).tombstones == (max(both, key=lambda each: each.expires),)


async def test_tombstones_are_purged_long_after_their_time_and_never_before(store):
    for jti, life in {"live": 60, "in the margin": -250, "over": -350}.items():
        await store.write(write(f"r {jti}", tombstones=(tombstone(jti, life),)))
    assert digest("over") not in await buried(store), "not polled either"

    while await store.purge():
        pass

    assert await buried(store) == {digest("live"), digest("in the margin")}


async def test_a_poll_reads_again_what_was_written_shortly_before(store):
    await store.write(write("r1", tombstones=(tombstone("t1"),)))
    now = (await store.live_state(0)).now

    again = await store.live_state(now + 8)
    assert [found.digest for found in again.tombstones] == [digest("t1")]
    assert (await store.live_state(now + 60)).tombstones == ()
    assert abs(again.now - time.time()) < 3


async def test_revocations_that_a_poll_has_seen_are_read_again_only_when_there_are_others(store):
    await store.write(write("r1", tombstones=(tombstone("t1"),)))
    poll = await store.live_state(0)
    assert (await store.live_state(poll.newest, poll.epochs.revocations)).tombstones == ()
    assert (await store.live_state(poll.newest)).tombstones == poll.tombstones
    assert (await store.live_state(poll.newest - 1, poll.epochs.revocations)).tombstones == poll.tombstones, (
        "a database that was restored may count to the same again"
    )
    await store.write(write("r2", tombstones=(tombstone("t2"),)))
    again = await store.live_state(poll.newest, poll.epochs.revocations)
    assert {found.digest for found in again.tombstones} == {digest("t1"), digest("t2")}


async def test_a_block_is_live_until_it_is_lifted_and_both_are_on_record(store):
    block = Withdrawal("client", "agent", "stolen laptop", 2_000_000_000)
    await store.withdraw(block, entry("w1", rpc="Block"))
    assert (await store.live_state(0)).withdrawals == (block,)
    await store.withdraw(Withdrawal("client", "agent", "again", None), entry("w2"))
    assert (await store.live_state(0)).withdrawals == (Withdrawal("client", "agent", "again", None),)

    assert await store.restore("client", "agent", entry("w3", rpc="Unblock")) is True
    assert await store.restore("client", "agent", entry("w4", rpc="Unblock")) is False

    assert (await store.live_state(0)).withdrawals == ()
    assert (await store.live_state(0)).epochs == Epochs(withdrawals=3)
    assert (await store.entry("w1")).entry.rpc == "Block"
    assert (await store.entry("w4")).entry.rpc == "Unblock"


async def test_a_bundle_version_is_immutable(store):
    await store.put_bundle("v1", b"{}", "ada", "first")
    await store.put_bundle("v1", b"{}", "bob", "again")
    with pytest.raises(Conflict):
        await store.put_bundle("v1", b"[]", "mallory", "other")

    await store.activate("v1", 0, entry("a1"))
    assert await store.active_bundle() == (1, "v1", b"{}")


async def test_activation_is_compare_and_swap_with_a_rising_epoch(open_store):
    one, two = open_store(), open_store()
    assert await one.active_bundle() is None
    assert await activated(one, "v1", 0) == 1
    assert await activated(two, "v2", 1) == 2
    with pytest.raises(Conflict):
        await activated(one, "v3", 1)
    assert await two.active_bundle() == (2, "v2", b'"v2"')
    assert await two.entry("act-v3-1") is None
    assert await activated(one, "v1", 2) == 3, "a roll-back, too, raises the epoch"


async def test_of_many_activations_at_once_one_wins_and_the_others_harm_nobody(store):
    for number in range(5):
        await store.put_bundle(f"v{number}", b"{}", "ada", "")

    outcomes = await asyncio.gather(
        *(store.activate(f"v{number}", 0, entry(f"a{number}")) for number in range(5)),
        store.write(write("d1", mark())),
        return_exceptions=True,
    )

    assert sum(outcome == 1 for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 4
    assert outcomes[-1] == Committed()


async def test_a_version_that_was_never_put_cannot_be_activated(store):
    with pytest.raises(Conflict):
        await store.activate("nowhere", 0, entry("a1"))
    assert (await store.live_state(0)).epochs == Epochs()


# records


async def test_records_of_all_writers_and_restarts_form_whole_chains(open_store):
    one, two = open_store(), open_store(writer="other")
    for number in range(6):
        await asyncio.gather(*((one, two)[i % 2].write(write(f"d{number}-{i}", mark("same"))) for i in range(4)))
    await one.close()
    again = open_store()
    await again.write(write("after the restart"))

    rows = [row async for row in again.history()]

    assert len(rows) == 25
    assert verify(rows) is None
    assert {row.writer for row in rows} == {one_of(rows, "d0-0").writer, "other"}
    last = one_of(rows, "after the restart")
    assert (last.writer_epoch, last.seq) == (2, 13)


def one_of(rows: list[Any], decision_id: str) -> Any:
    return next(row for row in rows if row.entry.id == decision_id)


async def test_two_stores_of_one_writer_name_keep_one_whole_chain(open_store):
    stores = [open_store(), open_store()]
    for number in range(10):
        await stores[number % 2].write(write(f"d{number}"))

    rows = [row async for row in stores[0].history()]
    assert verify(rows) is None
    assert [row.seq for row in rows] == list(range(1, 11))


async def test_the_heads_are_the_last_records_of_all_writers(open_store):
    one, two = open_store(), open_store(writer="other")
    assert await one.heads() == []
    for number in range(3):
        await one.write(write(f"d{number}"))
    await two.write(write("d3"))

    ends = {row.writer: row async for row in one.history()}
    assert await one.heads() == [Head(row.writer, row.writer_epoch, row.seq, row.hash) for row in ends.values()]
    assert [head.seq for head in await two.heads()] == [3, 1]


async def test_records_are_found_by_id_and_by_each_searched_column_newest_first(store):
    for number in range(4):
        columns = {"time_us": number, "client": f"c{number % 2}", "reason": "POLICY_NO_RULE" if number else ""}
        await store.write(write(f"d{number}", columns=columns))

    async def found(**where: str) -> list[str]:
        return [row.entry.id for row in await store.entries(limit=10, **where)]

    assert (await store.entry("d2")).entry == entry("d2", time_us=2, client="c0", reason="POLICY_NO_RULE")
    assert await store.entry("d9") is None
    assert await found() == ["d3", "d2", "d1", "d0"]
    assert await found(client="c1") == ["d3", "d1"]
    assert await found(client="c0", reason="POLICY_NO_RULE") == ["d2"]
    assert await found(subject="5f1c", chain=CHAIN) == ["d3", "d2", "d1", "d0"]
    assert [row.entry.id for row in await store.entries(limit=1)] == ["d3"]
    with pytest.raises(TypeError):
        await store.entries(limit=1, body="x")


async def test_aggregates_add_up_and_stay_under_their_cap(open_store):
    store = open_store(refusals=5)
    row = {"address": "192.0.2.1", "reason": "CLIENT_UNKNOWN", "count": 2, "decision_id": "d1"}
    for minute in range(20):
        await store.write_behind([{**row, "minute": minute}], "refusals")
    seen = {"token": "t", "asker": "files", "outcome": "active", "count": 1, "minute": 7}
    for decision_id in ("d2", "d3"):
        await store.write_behind([{**seen, "decision_id": decision_id}], "introspections")
    while await store.purge():
        pass
    await store.write_behind([{**row, "minute": 19, "decision_id": "d9"}], "refusals")

    assert await store.aggregates("introspections") == [{**seen, "count": 2, "decision_id": "d3"}]
    refusals = await store.aggregates("refusals")
    assert [found["minute"] for found in refusals] == [19, 18, 17, 16, 15]
    assert (refusals[0]["count"], refusals[0]["decision_id"]) == (4, "d9")


async def test_a_ping_proves_a_commit(store):
    await store.ping()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.ping()
