"""What every store keeps of bundles, of who put which in force, and of what hangs below a chain."""

from __future__ import annotations

import time

import pytest

from grantd_server.store import Conflict, Withdrawal
from grantd_server.store.governed import Below
from store_values import CHAIN, digest, entry, token, tombstone, write

FAMILY = digest("family").hex()


async def put(store, *versions):
    for version in versions:
        await store.put_bundle(version, f'"{version}"'.encode(), "ada", f"why {version}")


async def test_a_version_is_read_by_its_name_and_by_no_other(store):
    await put(store, "v1", "v2")
    assert await store.bundle("v1") == b'"v1"'
    assert await store.bundle("v3") is None


async def test_versions_are_listed_newest_first_and_page_by_page(store):
    await put(store, "v1", "v2", "v3")
    listed = await store.bundles(9)
    assert sorted(found.version for found in listed) == ["v1", "v2", "v3"]
    assert listed == sorted(listed, key=lambda found: (found.written, found.version), reverse=True)
    assert {(found.author, found.epoch, found.activated, found.activated_by) for found in listed} == {("ada", 0, 0, "")}
    assert {found.why for found in listed} == {"why v1", "why v2", "why v3"}
    assert all(abs(found.written - time.time()) < 60 for found in listed)
    first = await store.bundles(2)
    rest = await store.bundles(2, first[-1].version)
    assert [*first, *rest] == listed
    assert await store.bundles(2, rest[-1].version) == []


async def test_a_version_tells_when_it_was_last_put_in_force_and_by_whom(store):
    assert await store.activation() is None
    await put(store, "v1", "v2")
    for epoch, version in enumerate(("v1", "v2", "v1")):
        await store.activate(version, epoch, entry(f"a{epoch}"), author=f"admin{epoch}", why="because")
    listed = await store.bundles(9)
    assert listed == sorted(listed, key=lambda each: (each.written, each.epoch), reverse=True)
    assert [*await store.bundles(1), *await store.bundles(1, listed[0].version)] == listed
    found = {each.version: each for each in listed}
    assert (found["v1"].epoch, found["v1"].activated_by) == (3, "admin2")
    assert (found["v2"].epoch, found["v2"].activated_by) == (2, "admin1")
    newest = await store.activation()
    assert (newest.epoch, newest.version, newest.author) == (3, "v1", "admin2")
    assert (newest.why, newest.decision_id) == ("because", "a2")
    assert newest.written == found["v1"].activated
    assert abs(newest.written - time.time()) < 60


async def test_who_was_too_late_leaves_no_trace_of_an_activation(store):
    await put(store, "v1", "v2")
    await store.activate("v1", 0, entry("a1"), author="ada", why="first")
    with pytest.raises(Conflict):
        await store.activate("v2", 0, entry("a2"), author="bob", why="late")
    assert (await store.activation()).author == "ada"
    assert await store.entry("a2") is None


async def test_what_hangs_below_a_chain_is_counted_while_it_lives(store):
    assert await store.below(CHAIN) == Below(0, 0)
    tokens = token("t1"), token("t2", life=1800), token("old", life=-60)
    await store.write(write("d1", issued=(*tokens, token("other", chain=FAMILY))))
    assert await store.below(CHAIN) == Below(2, tokens[1].expires)


async def test_below_a_family_hang_its_grants_and_their_tokens(store):
    grant, below = token("g1", chain=FAMILY), token("t1", chain=digest("g1").hex(), life=3600)
    await store.write(write("d1", issued=(grant, below)))
    assert await store.below(FAMILY) == Below(2, below.expires)


async def test_revoking_a_chain_ends_what_hangs_below_in_the_same_moment(store):
    await store.write(write("d1", issued=(token("t1"), token("t2"))))
    await store.write(write("r1", tombstones=(tombstone("chain"),)))
    dead = {found.digest for found in (await store.live_state(0)).tombstones}
    assert dead == {bytes.fromhex(CHAIN), digest("t1"), digest("t2")}


async def test_blocks_leave_the_store_long_after_their_time(store):
    now = int(time.time())
    for number, until in enumerate((now - 400, now - 100, now + 100, None)):
        await store.withdraw(Withdrawal("client", f"c{number}", "why", until), entry(f"w{number}"))
    while await store.purge():
        pass
    left = (await store.live_state(0)).withdrawals
    assert {found.name for found in left} == {"c1", "c2", "c3"}
