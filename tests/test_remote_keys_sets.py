"""Fixed key sets, withdrawn keys, and the generation that tells a cache to forget."""

from __future__ import annotations

import json

import pytest

from grantd_server.keys.foreign.remote import KeysUnavailable
from grantd_server.model.bundle.governed import KeySource
from key_cache import ALGS, ISSUER, NEW, OLD, caching
from key_server import answer
from tokens import jwks, signing_key


@pytest.fixture
async def world():
    async with caching() as parts:
        yield parts


@pytest.mark.req("E-20")
async def test_a_fixed_set_is_read_once_and_nothing_is_fetched(world):
    server, keys, _, _ = world
    source = KeySource(jwks=jwks(OLD, signing_key("RS256")))
    found = await keys.keyset(ISSUER, source, ALGS, "unknown")
    assert len(found.keys) == 2
    assert await keys.keyset(ISSUER, source, ALGS, "old") is found
    assert server.connections == 0


@pytest.mark.parametrize("document", ["", "{}", '{"keys":[]}', "\ud800", '{"keys":[{"kty":"oct","k":"AA"}]}'])
async def test_a_fixed_set_without_usable_key_is_unavailable(world, document):
    with pytest.raises(KeysUnavailable):
        await world[1].keyset(ISSUER, KeySource(jwks=document), ALGS, None)


async def test_an_rsa_key_without_alg_is_bound_per_allow_list(world):
    bare = {name: value for name, value in signing_key("RS256").jwk.items() if name != "alg"}
    source = KeySource(jwks=json.dumps({"keys": [bare]}))
    for alg in ("PS256", "RS256"):
        found = await world[1].keyset(ISSUER, source, frozenset({alg}), None)
        assert [key.alg for key in found.keys] == [alg]


@pytest.mark.req("G-37")
@pytest.mark.hostile("K14")
async def test_a_tainted_key_is_gone_at_once_and_stays_gone_whatever_is_published(world):
    server, keys, clock, source = world
    server.scripts["/keys"] = answer(jwks(OLD, NEW))
    await keys.keyset(ISSUER, source, ALGS, "old")
    generation = keys.generation(ISSUER)
    keys.taint(ISSUER, "old")
    keys.taint(ISSUER, "old")
    assert keys.generation(ISSUER) == generation + 1
    found = await keys.keyset(ISSUER, source, ALGS, "old")
    assert "old" not in found
    assert "new" in found
    assert server.connections == 1  # a token with a tainted kid is no reason to fetch
    clock.now += 700
    assert "old" not in await keys.keyset(ISSUER, source, ALGS, "old")
    fixed = KeySource(jwks=jwks(OLD, NEW))
    assert "old" not in await keys.keyset(ISSUER, fixed, ALGS, "old")
    assert "old" in await keys.keyset("https://other.example", fixed, ALGS, "old")


async def test_the_generation_rises_when_the_keys_change_and_only_then(world):
    server, keys, clock, source = world
    assert keys.generation(ISSUER) == 0
    await keys.keyset(ISSUER, source, ALGS, "old")
    assert keys.generation(ISSUER) == 1
    clock.now += 600
    await keys.keyset(ISSUER, source, ALGS, "old")
    assert (server.connections, keys.generation(ISSUER)) == (2, 1)
    server.scripts["/keys"] = answer(jwks(NEW))
    clock.now += 700
    await keys.keyset(ISSUER, source, ALGS, "new")
    assert keys.generation(ISSUER) == 2
    assert keys.generation("https://other.example") == 0


async def test_keys_are_kept_apart_by_issuer_and_by_source(world):
    _, keys, _, source = world
    await keys.keyset(ISSUER, source, ALGS, "old")
    fixed = KeySource(jwks=jwks(NEW))
    assert "old" not in await keys.keyset(ISSUER, fixed, ALGS, "new")
    assert "old" not in await keys.keyset("https://other.example", fixed, ALGS, "old")
