"""The three classes of records: what is committed first, what is counted, what a full
partition does, and what can still be explained."""

from __future__ import annotations

import asyncio
import json
import time
from itertools import count

import pytest

from grantd_server.audit.record import Record
from grantd_server.refusals import Reason
from grantd_server.store import Committed, Lost, OutcomeUnknown, Space, StoreUnavailable, Write
from grantd_server.store.records import ledger as module
from grantd_server.store.records.ledger import Ledger
from grantd_server.store.sqlite.store import SqliteStore
from store_values import mark

NOW = 1_700_000_030.0


@pytest.fixture
async def store(tmp_path):
    store = SqliteStore.open(tmp_path / "grantd.db")
    yield store
    await store.close()


@pytest.fixture
def overflow():
    return []


@pytest.fixture
def ledger(store, overflow):
    return Ledger(
        store, lambda: NOW, ring=4, pending=3, overflowed=lambda kind, events: overflow.append((kind, events))
    )


def record(number=0, *, client="agent", reason=Reason.POLICY_NO_RULE, **fields):
    made = Record("RedeemGrant", NOW, id=f"d{number}", client=client, reason=reason, outcome="refused", **fields)
    made.noted("client.secret", "a secret of agent", "the same")
    return made


def proof(jti="proof"):
    return mark(jti, Space.CLIENT_ASSERTION, "agent@https://as.example", until=int(time.time()) + 330)


def soon():
    return time.monotonic() + 5


class Unwell:
    """A store that fails the next calls as told, and then works."""

    def __init__(self, store, *faults):
        self._store, self.faults = store, list(faults)
        self.calls = []

    def __getattr__(self, name):
        async def call(*arguments, **named):
            self.calls.append(name)
            if self.faults:
                raise self.faults.pop(0)
            return await getattr(self._store, name)(*arguments, **named)

        return call


# class 1: committed before the answer


@pytest.mark.req("A-49")
async def test_a_refusal_of_an_authenticated_client_is_durable_before_it_returns(ledger, store):
    refused = record(
        audience="https://as.example",
        resources=("ledger",),
        scopes_asked=("read",),
        subject="5f1c",
        rules={"write": "finance-write"},
    )
    assert await ledger.refused(refused, soon()) is Reason.POLICY_NO_RULE

    found = (await store.entry("d0")).entry
    body = json.loads(found.body)
    assert refused.written
    assert (found.rpc, found.outcome, found.reason, found.client) == (
        "RedeemGrant",
        "refused",
        "POLICY_NO_RULE",
        "agent",
    )
    assert (body["audience"], body["resources"], body["scopes_asked"]) == ("https://as.example", ["ledger"], ["read"])
    assert (body["subject"], body["rules"]) == ("5f1c", {"write": "finance-write"})
    assert body["checks"] == [["", "client.secret", True, "a secret of agent", "the same"]]
    assert await ledger.find("d0") == body


@pytest.mark.req("D-10")
async def test_a_refused_call_uses_its_client_assertion_up(ledger, store):
    await ledger.refused(record(1, marks=[proof()]), soon())

    assert isinstance(await store.write(_using(proof(), ledger)), Lost)


def _using(used, ledger):
    row = ledger.entry(record(9))
    return Write(row, (used,), lost=lambda _mark, _winner: row)


@pytest.mark.req("D-10")
async def test_a_refused_call_whose_client_assertion_was_used_is_refused_for_that(ledger):
    await ledger.refused(record(1, marks=[proof()]), soon())
    second = record(2, marks=[proof()])

    assert await ledger.refused(second, soon()) is Reason.CLIENT_ASSERTION_REPLAYED

    body = await ledger.find("d2")
    assert body == second.body(), "what is shown and what is stored are one"
    assert (body["reason"], body["outcome"]) == ("CLIENT_ASSERTION_REPLAYED", "refused")
    assert body["facts"] == {"winner": "d1"}
    assert body["checks"][-1] == ["client", "client.assertion.first_use", False, "not used before", "used by d1"]
    assert len(body["checks"]) == 2


@pytest.mark.parametrize(
    "reason",
    [Reason.KEYS_UNAVAILABLE, Reason.SIGNER_UNAVAILABLE, Reason.OUT_OF_TIME, Reason.CANCELLED, Reason.BUG],
)
async def test_a_fault_of_ours_is_on_record_and_uses_nothing_up(ledger, store, reason):
    assert await ledger.refused(record(1, reason=reason, marks=[proof()]), soon()) is reason

    assert (await store.entry("d1")).entry.reason == reason.name
    assert await store.write(_using(proof(), ledger)) == Committed()


@pytest.mark.req("B-22")
@pytest.mark.parametrize("fault", [StoreUnavailable("down"), OutcomeUnknown("who knows")])
async def test_a_refusal_that_cannot_be_stored_is_told_and_can_still_be_explained(store, fault):
    ledger = Ledger(Unwell(store, fault), lambda: NOW)
    refused = record(1)
    with pytest.raises(type(fault)):
        await ledger.refused(refused, soon())

    assert not refused.written
    assert (await ledger.find("d1"))["reason"] == "POLICY_NO_RULE"


async def test_a_refusal_with_too_little_time_left_is_not_answered_as_recorded(ledger):
    with pytest.raises(StoreUnavailable):
        await ledger.refused(record(1), time.monotonic() + 0.01)


# class 3: refusals before client authentication


async def test_refusals_of_unknown_callers_are_counted_by_address_reason_and_minute(ledger, store):
    for number in range(5):
        refused = record(number, client="", reason=Reason.CLIENT_UNKNOWN, address="192.0.2.1", marks=[proof()])
        assert await ledger.refused(refused, soon()) is Reason.CLIENT_UNKNOWN
    assert ledger.backlog() == {"introspections": 0, "refusals": 1}
    await ledger.flush()

    assert await store.aggregates("refusals") == [
        {
            "minute": int(NOW) // 60,
            "address": "192.0.2.1",
            "reason": "CLIENT_UNKNOWN",
            "count": 5,
            "decision_id": "d4",
        }
    ]
    assert await store.entry("d4") is None
    assert (await ledger.find("d4"))["address"] == "192.0.2.1"
    assert await store.write(_using(proof(), ledger)) == Committed(), "nobody proved to own this assertion"


async def test_a_flood_of_addresses_is_bounded_and_what_found_no_room_is_counted(ledger, store, overflow):
    for number in range(50):
        await ledger.refused(record(number, client="", reason=Reason.CLIENT_UNKNOWN, address=f"2001:db8::{number}"), 0)
    assert ledger.backlog()["refusals"] == 4
    await ledger.flush()

    rows = {row["address"]: (row["reason"], row["count"]) for row in await store.aggregates("refusals")}
    assert rows == {**{f"2001:db8::{n}": ("CLIENT_UNKNOWN", 1) for n in range(3)}, "": ("OVERFLOW", 47)}
    assert overflow.count(("refusals", 1)) == 47
    assert overflow.count(("ring", 1)) == 46
    assert await ledger.find("d49") is not None
    assert await ledger.find("d0") is None


async def test_a_full_partition_of_class_three_does_not_stop_class_one(store):
    unwell = Unwell(store)
    ledger = Ledger(unwell, lambda: NOW, pending=1)
    for number in range(10):
        await ledger.refused(record(number, client="", address=f"10.0.0.{number}"), 0)
    unwell.faults = [StoreUnavailable("full")]
    await ledger.flush()
    unwell.faults = []

    assert await ledger.refused(record(99), soon()) is Reason.POLICY_NO_RULE
    assert await store.entry("d99") is not None


# class 2: introspections


async def test_introspections_are_counted_by_token_asker_outcome_and_minute(ledger, store):
    for number in range(3):
        asked = [("aa", "active"), ("", "inactive")] if number else [("aa", "inactive")]
        ledger.introspected(record(number, client="files", reason=None, introspected=asked))
    await ledger.close()

    rows = {(row["token"], row["asker"], row["outcome"]): row for row in await store.aggregates("introspections")}
    assert {key: row["count"] for key, row in rows.items()} == {
        ("aa", "files", "active"): 2,
        ("aa", "files", "inactive"): 1,
        ("", "files", "inactive"): 2,
    }
    assert rows["aa", "files", "active"]["decision_id"] == "d2"
    assert (await ledger.find("d0"))["introspected"] == [["aa", "inactive"]]


async def test_a_flood_of_tokens_is_bounded_and_what_found_no_room_is_counted(ledger, store, overflow):
    for number in range(10):
        ledger.introspected(record(number, client="files", introspected=[(f"{number:02}", "active")]))
    await ledger.flush()

    rows = {row["token"]: (row["outcome"], row["count"]) for row in await store.aggregates("introspections")}
    assert rows == {"00": ("active", 1), "01": ("active", 1), "02": ("active", 1), "": ("OVERFLOW", 7)}
    assert overflow.count(("introspections", 1)) == 7


# writing behind


async def test_what_the_store_cannot_take_now_is_written_later_with_what_came_since(store):
    ledger = Ledger(Unwell(store, StoreUnavailable("down")), lambda: NOW)
    await ledger.refused(record(1, client="", address="192.0.2.1"), 0)
    await ledger.flush()
    assert ledger.backlog()["refusals"] == 1
    await ledger.refused(record(2, client="", address="192.0.2.1"), 0)
    await ledger.flush()

    assert [row["count"] for row in await store.aggregates("refusals")] == [2]


async def test_what_is_given_back_beyond_the_room_is_counted(store, overflow):
    unwell = Unwell(store)
    ledger = Ledger(unwell, lambda: NOW, pending=2, overflowed=lambda *event: overflow.append(event))
    real = unwell._store.write_behind

    async def while_others_come(rows, table):
        for number in range(2):
            await ledger.refused(record(number, client="", address=f"later {number}"), 0)
        unwell._store.write_behind = real
        raise StoreUnavailable("down")

    for _ in range(3):
        await ledger.refused(record(1, client="", address="192.0.2.1"), 0)
    unwell._store.write_behind = while_others_come
    await ledger.flush()
    await ledger.flush()

    assert overflow == [("refusals", 3)]
    assert sum(row["count"] for row in await store.aggregates("refusals")) == 5


async def test_rows_of_an_unknown_commit_are_not_written_twice(store, overflow):
    ledger = Ledger(Unwell(store, OutcomeUnknown("?")), lambda: NOW, overflowed=lambda *event: overflow.append(event))
    for number in range(4):
        await ledger.refused(record(number, client="", address="192.0.2.1"), 0)
    await ledger.flush()
    await ledger.flush()

    assert await store.aggregates("refusals") == []
    assert overflow == [("refusals", 4)]


async def test_a_backlog_is_written_in_small_transactions(store):
    unwell = Unwell(store)
    ledger = Ledger(unwell, lambda: NOW)
    for number in range(250):
        await ledger.refused(record(number, client="", address=f"10.0.0.{number}"), 0)
    await ledger.flush()

    assert unwell.calls == ["write_behind"] * 3
    assert len(await store.aggregates("refusals", limit=1000)) == 250


@pytest.mark.parametrize("fault", [StoreUnavailable("down"), OutcomeUnknown("?")])
async def test_purging_goes_on_until_nothing_is_left_and_survives_a_fault(store, fault):
    for number in range(3):
        old = mark(f"jti-{number}", until=5)
        await store.write(Write(Ledger(store, lambda: NOW).entry(record(number)), (old,), lost=lambda _m, _w: None))
    store._caps["bite"] = 1
    unwell = Unwell(store, fault)
    ledger = Ledger(unwell, lambda: NOW)

    await ledger.purge()
    assert unwell.calls == ["purge"]
    await ledger.purge()
    assert unwell.calls == ["purge"] * 5


async def test_a_running_ledger_writes_behind_and_purges_by_itself(store, monkeypatch):
    turns = count()
    purged = asyncio.Event()
    real = asyncio.sleep

    async def sleep(_seconds):
        next(turns)
        await real(0)

    class Watched(Ledger):
        async def purge(self):
            purged.set()
            await real(3600)

    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    ledger = Watched(store, lambda: NOW)
    await ledger.refused(record(1, client="", address="192.0.2.1"), 0)
    running = asyncio.create_task(ledger.run())
    await asyncio.wait_for(purged.wait(), 5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert len(await store.aggregates("refusals")) == 1


# the row


def test_one_record_gives_one_sequence_of_bytes(ledger):
    one, two = record(1, facts={"b": "2", "a": "1"}), record(1, facts={"a": "1", "b": "2"})

    assert ledger.entry(one) == ledger.entry(two)
    assert ledger.entry(one).time_us == 1_700_000_030_000_000


async def test_hostile_text_is_recorded_not_obeyed(ledger):
    hostile = 'x\n\x1b[2J"\ud800'
    await ledger.refused(record(1, facts={"sub": hostile}), soon())

    assert (await ledger.find("d1"))["facts"] == {"sub": 'x\n\x1b[2J"\\ud800'}
