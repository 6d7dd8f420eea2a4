"""Keys by discovery: metadata counts only when it names exactly the configured issuer."""

from __future__ import annotations

import json

import pytest

from grantd_server.keys.foreign.fetch import Fetcher
from grantd_server.keys.foreign.remote import KeysUnavailable, RemoteKeys
from grantd_server.model.bundle.governed import KeySource
from key_server import answer, key_server
from tokens import jwks, signing_key

ALGS = frozenset({"ES256"})
KEY = signing_key()
DISCOVERY = KeySource(discovery=True)
OPENID = "/tenant/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server/tenant"


@pytest.fixture
async def world():
    fetcher = Fetcher(allow_loopback=True)
    async with key_server() as server:
        server.scripts["/keys"] = answer(jwks(KEY))
        yield server, RemoteKeys(fetcher, lambda: 1000.0), server.url("/tenant")
        await fetcher.aclose()


def metadata(issuer: object, jwks_uri: object) -> bytes:
    return answer(json.dumps({"issuer": issuer, "jwks_uri": jwks_uri}))


@pytest.mark.req("E-21")
@pytest.mark.parametrize(("path", "requests"), [(OPENID, 2), (OAUTH, 3)])
async def test_keys_are_found_by_openid_discovery_or_by_rfc_8414(world, path, requests):
    server, keys, issuer = world
    server.scripts[path] = metadata(issuer, server.url())
    assert KEY.kid in await keys.keyset(issuer, DISCOVERY, ALGS, KEY.kid)
    assert server.connections == requests


@pytest.mark.req("E-21")
@pytest.mark.hostile("K18")
@pytest.mark.parametrize("path", [OPENID, OAUTH])
@pytest.mark.parametrize(
    "issuer", ["{0}/", "{0} ", "{0}x", "https://idp.example", "", None, 1, ["{0}"], {}, "{0}\0"], ids=repr
)
async def test_metadata_of_another_issuer_is_refused_and_its_keys_are_not_fetched(world, path, issuer):
    server, keys, ours = world
    named = issuer.format(ours) if isinstance(issuer, str) else [ours] if isinstance(issuer, list) else issuer
    server.scripts[path] = metadata(named, server.url())
    with pytest.raises(KeysUnavailable, match="metadata"):
        await keys.keyset(ours, DISCOVERY, ALGS, KEY.kid)
    assert server.paths["/keys"] == 0


async def test_openid_metadata_of_another_issuer_is_not_mended_by_the_second_document(world):
    server, keys, issuer = world
    server.scripts[OPENID] = metadata("https://evil.example", server.url())
    server.scripts[OAUTH] = metadata(issuer, server.url())
    with pytest.raises(KeysUnavailable, match="metadata"):
        await keys.keyset(issuer, DISCOVERY, ALGS, KEY.kid)
    assert server.paths[OAUTH] == 0


@pytest.mark.parametrize(
    "jwks_uri",
    [
        None,
        1,
        [],
        "",
        "keys",
        "file:///etc/passwd",
        "http://10.0.0.1/",
        "https://169.254.169.254/latest",
        "https://user@a/",
    ],
)
async def test_a_jwks_uri_that_leads_elsewhere_is_refused(world, jwks_uri):
    server, keys, issuer = world
    server.scripts[OPENID] = metadata(issuer, jwks_uri)
    with pytest.raises(KeysUnavailable):
        await keys.keyset(issuer, DISCOVERY, ALGS, KEY.kid)
    assert server.connections == 1


@pytest.mark.parametrize(
    "document",
    ["", "[]", "<html>", '{"issuer":1', "null", '{"issuer":"{0}","issuer":"{0}","jwks_uri":"{1}"}'],
)
async def test_metadata_that_is_no_strict_json_object_is_refused(world, document):
    server, keys, issuer = world
    server.scripts[OPENID] = answer(document.replace("{0}", issuer).replace("{1}", server.url()))
    with pytest.raises(KeysUnavailable):
        await keys.keyset(issuer, DISCOVERY, ALGS, KEY.kid)
    assert server.paths["/keys"] == 0
