"""The cache of other parties' keys: one flight, bounded refreshes, a last good copy."""

from __future__ import annotations

import asyncio

import pytest

from grantd.strict import Fault
from grantd_server.keys.foreign.fetch import Fetcher
from grantd_server.keys.foreign.remote import KeysUnavailable, RemoteKeys, metadata_urls
from grantd_server.model.bundle.governed import KeySource
from key_cache import ALGS, ISSUER, NEW, OLD, caching
from key_server import answer
from tokens import jwks


@pytest.fixture
async def world():
    async with caching() as parts:
        yield parts


async def test_two_hundred_calls_on_a_cold_cache_make_one_fetch(world):
    server, keys, _, source = world
    server.gate.clear()
    calls = [asyncio.create_task(keys.keyset(ISSUER, source, ALGS, "old")) for _ in range(200)]
    await server.arrived.wait()
    server.gate.set()
    sets = await asyncio.gather(*calls)
    assert all("old" in found for found in sets)
    assert server.connections == 1
    assert await keys.keyset(ISSUER, source, ALGS, "old") is sets[0]


async def test_a_caller_that_leaves_does_not_end_the_fetch_of_the_others(world):
    server, keys, _, source = world
    server.gate.clear()
    leaver = asyncio.create_task(keys.keyset(ISSUER, source, ALGS, "old"))
    stayer = asyncio.create_task(keys.keyset(ISSUER, source, ALGS, "old"))
    await server.arrived.wait()
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    server.gate.set()
    assert "old" in await stayer
    assert server.connections == 1


@pytest.mark.req("E-19")
async def test_a_copy_is_renewed_behind_the_calls_at_four_fifths_of_its_life(world):
    server, keys, clock, source = world
    await keys.keyset(ISSUER, source, ALGS, "old")
    clock.now += 479
    await keys.keyset(ISSUER, source, ALGS, "old")
    assert server.connections == 1
    clock.now += 1
    server.scripts["/keys"] = answer(jwks(OLD, NEW))
    server.gate.clear()
    (copy,) = keys._copies.values()
    for _ in range(3):
        assert "new" not in await keys.keyset(ISSUER, source, ALGS, "old")  # does not wait
        await asyncio.wait_for(server.arrived.wait(), 1)
    flight = copy.flight
    server.gate.set()
    await flight
    assert "new" in await keys.keyset(ISSUER, source, ALGS, "old")
    assert server.connections == 2


async def test_a_failed_refresh_behind_the_calls_is_tried_again_only_after_a_pause(world):
    server, keys, clock, source = world
    await keys.keyset(ISSUER, source, ALGS, "old")
    (copy,) = keys._copies.values()
    server.scripts.clear()
    clock.now += 500
    for pause, fetches in [(0, 2), (9, 2), (1, 3)]:
        clock.now += pause
        assert "old" in await keys.keyset(ISSUER, source, ALGS, "old")
        if copy.flight is not None:
            await copy.flight
        assert server.connections == fetches


@pytest.mark.parametrize(("max_age", "kept"), [(0, 60), (10, 60), (120, 120), (86400, 3600), (None, 600)])
async def test_the_life_of_a_copy_is_what_its_server_says_within_a_minute_and_an_hour(world, max_age, kept):
    server, keys, clock, source = world
    server.scripts["/keys"] = answer(jwks(OLD), *([f"Cache-Control: max-age={max_age}"] if max_age is not None else []))
    await keys.keyset(ISSUER, source, ALGS, "old")
    clock.now += kept * 0.8 - 0.5
    await keys.keyset(ISSUER, source, ALGS, "old")
    assert server.connections == 1
    clock.now += kept * 0.2 + 0.5
    server.scripts["/keys"] = answer(jwks(NEW))
    assert "old" not in await keys.keyset(ISSUER, source, ALGS, "new")  # waits: the copy has expired
    assert server.connections == 2


@pytest.mark.req("E-19")
async def test_a_key_that_a_fresh_copy_no_longer_has_is_gone(world):
    server, keys, clock, source = world
    server.scripts["/keys"] = answer(jwks(OLD, NEW))
    before = await keys.keyset(ISSUER, source, ALGS, "old")
    assert "old" in before
    server.scripts["/keys"] = answer(jwks(NEW))
    clock.now += 600
    after = await keys.keyset(ISSUER, source, ALGS, "new")
    with pytest.raises(Fault):
        after.find("old", "ES256")


@pytest.mark.req("E-19")
async def test_a_rotation_is_followed_at_the_first_token_with_the_new_kid(world):
    server, keys, clock, source = world
    await keys.keyset(ISSUER, source, ALGS, "old")
    clock.now += 5
    server.scripts["/keys"] = answer(jwks(OLD, NEW))
    assert "new" in await keys.keyset(ISSUER, source, ALGS, "new")
    assert server.connections == 2


async def test_all_tokens_with_a_new_kid_wait_for_the_one_refresh(world):
    server, keys, clock, source = world
    await keys.keyset(ISSUER, source, ALGS, "old")
    clock.now += 5
    server.scripts["/keys"] = answer(jwks(OLD, NEW))
    found = await asyncio.gather(*(keys.keyset(ISSUER, source, ALGS, "new") for _ in range(50)))
    assert all("new" in one for one in found)
    assert server.connections == 2


@pytest.mark.req("E-19")
@pytest.mark.hostile("K02")
async def test_ten_thousand_invented_kids_in_a_minute_cost_two_fetches_and_no_good_key(world):
    server, keys, clock, source = world
    other = KeySource(jwks_uri=server.url("/other"))
    server.scripts["/other"] = answer(jwks(NEW))
    for number in range(10_000):
        found = await keys.keyset(ISSUER, source, ALGS, f"random-{number}")
        assert "old" in found
        clock.now += 60 / 10_000
    assert server.paths["/keys"] <= 2
    assert "new" in await keys.keyset("https://other.example", other, ALGS, "new")


async def test_refreshes_for_unknown_kids_keep_half_a_minute_between_them(world):
    server, keys, clock, source = world
    await keys.keyset(ISSUER, source, ALGS, "old")
    for pause, fetches in [(100, 2), (29, 2), (1, 3), (29, 3), (1, 4)]:
        clock.now += pause
        await keys.keyset(ISSUER, source, ALGS, "invented")
        assert server.connections == fetches


async def test_a_token_without_kid_or_a_copy_just_fetched_is_no_reason_to_fetch_again(world):
    server, keys, clock, source = world
    await keys.keyset(ISSUER, source, ALGS, "invented")
    assert server.connections == 1
    clock.now += 100
    await keys.keyset(ISSUER, source, ALGS, None)
    assert server.connections == 1


@pytest.mark.hostile("K04")
@pytest.mark.parametrize(
    "script",
    [answer("", status="500 Oops"), answer("<html></html>"), answer('{"keys":[]}'), answer('{"keys":['), b"", answer("[]"),
     answer(jwks({"kty": "oct", "k": "c2VjcmV0", "kid": "old"}))],
)  # fmt: skip
async def test_while_fetching_fails_the_last_good_copy_serves_for_a_day_and_no_longer(world, script):
    server, keys, clock, source = world
    await keys.keyset(ISSUER, source, ALGS, "old")
    server.scripts["/keys"] = script
    generation = keys.generation(ISSUER)
    for now in (1000 + 600, 1000 + 12 * 3600, 1000 + 24 * 3600):
        clock.now = now
        assert "old" in await keys.keyset(ISSUER, source, ALGS, "old")
        assert "old" in await keys.keyset(ISSUER, source, ALGS, "unknown")
    assert keys.generation(ISSUER) == generation
    clock.now += 11
    with pytest.raises(KeysUnavailable) as caught:
        await keys.keyset(ISSUER, source, ALGS, "old")
    assert caught.value.issuer == ISSUER
    assert caught.value.cause
    server.scripts["/keys"] = answer(jwks(OLD))
    clock.now += 11
    assert "old" in await keys.keyset(ISSUER, source, ALGS, "old")


async def test_how_long_a_stale_copy_serves_is_a_setting(world):
    server, _, clock, source = world
    keys = RemoteKeys(Fetcher(allow_loopback=True), clock, stale_limit=3600)
    await keys.keyset(ISSUER, source, ALGS, "old")
    server.scripts.clear()
    clock.now += 3601
    with pytest.raises(KeysUnavailable):
        await keys.keyset(ISSUER, source, ALGS, "old")


@pytest.mark.hostile("K04")
async def test_an_issuer_never_reached_is_unavailable_and_not_asked_again_at_once(world):
    server, keys, clock, source = world
    server.scripts.clear()
    for pause, fetches in [(0, 1), (9, 1), (1, 2)]:
        clock.now += pause
        with pytest.raises(KeysUnavailable, match="status 404"):
            await keys.keyset(ISSUER, source, ALGS, "old")
        assert server.connections == fetches


async def test_closing_ends_a_refresh_under_way(world):
    server, keys, _, source = world
    server.gate.clear()
    call = asyncio.create_task(keys.keyset(ISSUER, source, ALGS, "old"))
    await server.arrived.wait()
    await keys.aclose()
    with pytest.raises(asyncio.CancelledError):
        await call


def test_metadata_is_looked_for_where_openid_and_rfc_8414_put_it():
    assert metadata_urls("https://idp.example/tenant/1") == (
        "https://idp.example/tenant/1/.well-known/openid-configuration",
        "https://idp.example/.well-known/oauth-authorization-server/tenant/1",
    )
    assert metadata_urls("https://idp.example/") == (
        "https://idp.example/.well-known/openid-configuration",
        "https://idp.example/.well-known/oauth-authorization-server",
    )
