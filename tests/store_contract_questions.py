"""What every store answers to those who explain; collected like `store_contract`."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from grantd_server.store import Store
from grantd_server.store.questions import Use, Users, id_at
from store_values import CHAIN, digest, token, tombstone, write


async def filled(store: Store, *ids: str, **columns: Any) -> None:
    for name in ids:
        await store.write(write(name, columns=columns))


async def ids(store: Store, **where: Any) -> list[str]:
    return [found.entry.id for found in await store.entries(**{"limit": 10, **where})]


async def test_entries_are_read_between_two_ids_newest_first(open_store):
    store = open_store()
    await filled(store, "d1", "d2", "d3")
    await filled(store, "d25", client="other")
    assert await ids(store) == ["d3", "d25", "d2", "d1"]
    assert await ids(store, after="d1") == ["d3", "d25", "d2"]
    assert await ids(store, before="d3") == ["d25", "d2", "d1"]
    assert await ids(store, after="d1", before="d3", client="agent") == ["d2"]
    assert await ids(store, limit=1, before="d25") == ["d2"]
    with pytest.raises(TypeError):
        await store.entries(limit=1, outcome="granted")


def test_the_bound_of_a_time_parts_earlier_ids_from_later_ones():
    assert id_at(7.001) < "d" + f"{7001:012x}" + "00" * 10
    assert id_at(7.001) > "d" + f"{7000:012x}" + "ff" * 10
    assert id_at(-5.0) == id_at(0)


async def test_what_a_writer_wrote_is_read_in_its_order_from_a_place_on(open_store):
    one, other = open_store(writer="one"), open_store(writer="other")
    await filled(one, "d3", "d1", "d2")
    await filled(other, "d0")
    assert [found.entry.id for found in await one.written_after("one", 0, 10)] == ["d3", "d1", "d2"]
    assert [found.entry.id for found in await other.written_after("one", 1, 1)] == ["d1"]
    assert await one.written_after("one", 3, 10) == []
    assert await one.written_after("nobody", 0, 10) == []


async def test_what_is_revoked_is_told_with_its_times(open_store):
    store = open_store()
    await store.write(write("d1", tombstones=(tombstone("gone", 900),)))
    found = await store.buried([digest("gone"), digest("alive")])
    assert [tomb.digest for tomb in found] == [digest("gone")]
    assert abs(found[0].written - time.time()) < 30
    assert abs(found[0].expires - time.time() - 900) < 30
    assert await store.buried([]) == []


async def test_what_hangs_below_a_chain_is_told(open_store):
    store = open_store()
    mine = token("mine")
    await store.write(write("d1", issued=(mine, token("theirs", chain="ab" * 32))))
    assert await store.issued_below(CHAIN, 5) == [(digest("mine"), mine.expires)]
    assert await store.issued_below(CHAIN, 0) == []


async def test_introspections_of_tokens_are_read_by_minute(open_store):
    store = open_store()
    rows = [
        {"minute": minute, "token": name, "asker": "rs", "outcome": "active", "count": minute, "decision_id": "d1"}
        for minute in (9, 10, 11, 12)
        for name in ("a", "b", "c")
    ]
    await store.write_behind(rows, "introspections")
    found = await store.introspected(["a", "c", "none"], 10, 11)
    assert [(row["minute"], row["token"], row["count"]) for row in found] == [
        (10, "a", 10), (10, "c", 10), (11, "a", 11), (11, "c", 11),
    ]  # fmt: skip
    assert found[0] == rows[3]
    assert await store.introspected([], 0, 5) == []


AS = "https://as.example"
READ = {"audience": AS, "resources": ["https://r.example/a"], "scopes_granted": ["read"], "subject_key": "k1"}


async def use(store: Store, name: str, subject: str, body: Any = None, **columns: Any) -> None:
    raw = json.dumps({**READ, **(body or {})}, separators=(",", ":"), sort_keys=True).encode()
    await filled(store, name, subject=subject, body=raw, **columns)


NAMES = [(AS, '["https://r.example/a"]', "a"), (AS, '["https://r.example/a","https://r.example/]b"]', "a")]
NAMES += [(AS, '["https://r.example/a","https://r.example/]b"]', "b")]


async def test_uses_are_summed_up_and_users_counted_once(open_store):
    store = open_store()
    two = {"resources": ["https://r.example/a", "https://r.example/]b"]}
    await use(store, "d1", "ann", time_us=5)
    await use(store, "d2", "ann", two, time_us=7)
    await use(store, "d3", "bob", {"scopes_granted": ["read", "write"]})
    await use(store, "d4", "bob", rpc="ExchangeIdentity")
    await use(store, "d5", "bob", {"subject_key": "k2"}, client="other")
    # Not uses: refused, another call, nobody's, damaged, before, after.
    await use(store, "d6", "eve", outcome="refused")
    await use(store, "d6b", "eve", rpc="RevokeToken")
    await use(store, "d6c", "eve", client="")
    await filled(store, "d7", body=b'{"resources":')
    await use(store, "d0", "eve")
    await use(store, "d9", "eve")

    used = sorted(await store.used("d0", "d9"))
    one = '["https://r.example/a"]'
    assert Use("agent", "ExchangeIdentity", AS, one, '["read"]', 1, 1_700_000_000_000_000) in used
    assert Use("agent", "RedeemGrant", AS, one, '["read"]', 1, 5) in used
    assert Use("agent", "RedeemGrant", AS, NAMES[1][1], '["read"]', 1, 7) in used
    assert Use("agent", "RedeemGrant", AS, one, '["read","write"]', 1, 1_700_000_000_000_000) in used
    assert Use("other", "RedeemGrant", AS, one, '["read"]', 1, 1_700_000_000_000_000) in used
    assert len(used) == 5

    assert sorted(await store.users("d0", "d9", NAMES)) == [
        Users("agent", "a", "ExchangeIdentity", "k1", 1),
        Users("agent", "a", "RedeemGrant", "k1", 2),
        Users("agent", "b", "RedeemGrant", "k1", 1),
        Users("other", "a", "RedeemGrant", "k2", 1),
    ]
    assert await store.users("d0", "", []) == []
    assert {found.times for found in await store.used("d8", "")} == {1}


@pytest.mark.parametrize(
    "hostile",
    [
        "\\u0000",
        '\\ud800"resources":["https://evil.example"]',
        'x\\"resources\\":[\\"https://evil.example\\"]',
        "}{][\\\\",
    ],
)
async def test_a_hostile_value_in_a_record_changes_no_sum(open_store, hostile):
    store = open_store()
    checks = f'["s","n",true,"","{hostile}"]'.replace('0"resources":["https://evil.example"]', "0")
    raw = f'{{"audience":"{AS}","checks":[{checks}],"resources":["r"],"scopes_granted":["read"]}}'
    await filled(store, "d1", body=raw.encode())
    (found,) = await store.used("", "")
    assert (found.audience, found.resources, found.scopes) == (AS, '["r"]', '["read"]')
