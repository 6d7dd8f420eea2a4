"""What every store keeps of refresh tokens; collected like `store_contract`."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from grantd_server.store import Committed, Lost, Moved, Space, StoreUnavailable, Tombstone
from store_values import FAMILY, NOW, buried, digest, kept, mark, token, winners, write


def family(expires: int = NOW + 28800) -> Tombstone:
    return Tombstone(bytes.fromhex(FAMILY), expires)


@pytest.mark.req("A-36")
async def test_a_refresh_token_is_kept_as_it_was_written(open_store):
    store = open_store()
    assert await store.write(write("d1", refresh_tokens=(kept(),))) == Committed()

    assert await store.refresh_token(digest("one")) == kept()
    assert await store.refresh_token(digest("two")) is None
    await store.close()
    assert await open_store().refresh_token(digest("one")) == kept()


@pytest.mark.req("A-39")
async def test_a_successor_takes_the_place_of_its_parent_which_forgets_whose_it_was(open_store):
    store = open_store()
    await store.write(write("d1", refresh_tokens=(kept(),)))
    after = kept("two", parent=digest("one"), issued=NOW + 5)

    assert await store.write(write("d2", refresh_tokens=(after,))) == Committed()

    assert await store.refresh_token(digest("one")) == kept(rotated=NOW + 5, sealed=b"")
    assert await store.refresh_token(digest("two")) == after


@pytest.mark.req("A-39")
@pytest.mark.parametrize("contenders", [2, 50])
async def test_of_many_rotations_of_one_token_exactly_one_is_kept(open_store, contenders):
    store = open_store()
    await store.write(write("d0", refresh_tokens=(kept(),)))
    rotation = mark("one", Space.REFRESH)

    def rotate(number: int) -> Any:
        successor = kept(f"next-{number}", parent=digest("one"))
        return store.write(write(f"r{number}", rotation, refresh_tokens=(successor,)))

    outcomes = await asyncio.gather(*(rotate(number) for number in range(contenders)))

    assert winners(outcomes) == 1
    (won,) = [number for number, outcome in enumerate(outcomes) if outcome == Committed()]
    assert {outcome for outcome in outcomes if isinstance(outcome, Lost)} == {Lost(rotation, f"r{won}")}
    there = [number for number in range(contenders) if await store.refresh_token(digest(f"next-{number}"))]
    assert there == [won]


@pytest.mark.req("A-39")
async def test_a_replayed_client_assertion_does_not_use_up_the_rotation(open_store):
    store = open_store()
    proof, rotation = mark("proof", Space.CLIENT_ASSERTION), mark("one", Space.REFRESH)
    await store.write(write("d0", proof))

    assert await store.write(write("d1", rotation, proof)) == Lost(proof, "d0")
    assert await store.write(write("d2", rotation)) == Committed()


@pytest.mark.req("A-39", "C-38")
async def test_nothing_is_kept_in_a_revoked_family(open_store):
    store = open_store()
    await store.write(write("d1", refresh_tokens=(kept(),), tombstones=(family(),)))

    outcome = await store.write(write("d2", mark("one", Space.REFRESH), refresh_tokens=(kept("two"),)))

    assert isinstance(outcome, Moved)
    assert outcome.buried == FAMILY
    assert await store.refresh_token(digest("two")) is None
    assert await store.write(write("d3", mark("one", Space.REFRESH))) == Committed(), "its mark was not used up"


@pytest.mark.req("A-39", "C-38")
async def test_a_family_that_is_revoked_in_the_same_window_keeps_nothing_new(open_store):
    store = open_store()
    outcomes = await asyncio.gather(
        store.write(write("d1", refresh_tokens=(kept("two"),))), store.write(write("d2", tombstones=(family(),)))
    )
    assert isinstance(outcomes[0], Moved)
    assert outcomes[1] == Committed()


@pytest.mark.req("C-38")
async def test_revoking_a_family_revokes_the_chains_below_it(open_store):
    store = open_store()
    await store.write(write("d1", issued=(token("chain-a", FAMILY), token("chain-b", FAMILY), token("elsewhere"))))
    await store.write(write("d2", tombstones=(family(),)))
    assert await buried(store) == {bytes.fromhex(FAMILY), digest("chain-a"), digest("chain-b")}


@pytest.mark.req("A-39")
async def test_a_rotated_token_is_remembered_until_its_family_ends(open_store):
    store = open_store()
    lives = {"live": 100, "in the margin": -290, "over": -310}
    for text, life in lives.items():
        row = kept(text, expires=5, family_expires=int(time.time()) + life)
        await store.write(write(text, refresh_tokens=(row,)))

    while await store.purge():
        pass

    there = [text for text in lives if await store.refresh_token(digest(text))]
    assert there == ["live", "in the margin"]


async def test_a_digest_of_another_length_is_no_refresh_token(open_store):
    with pytest.raises(StoreUnavailable):
        await open_store().write(write("d1", refresh_tokens=(replace(kept(), digest=b"short"),)))


async def test_a_kept_token_does_not_show_its_sealed_part():
    assert "sealed-one" not in repr(kept())
