"""What a client may say about itself in its metadata document, and what refuses it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import organisation as org
from client_site import URL, metadata
from grantd.strict import Fault
from grantd_server.keys.foreign.client_metadata import read_client_metadata
from grantd_server.keys.foreign.fetch import Fetched
from grantd_server.model.bundle.governed import KeySource
from tokens import signing_key

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PROFILE = "urn:ietf:params:oauth:grant-profile:id-jag"
KEYS_URI = "https://agent.example/keys"


def read(body: bytes | None = None, media_type: str = "application/json", **changed):
    raw = json.dumps(metadata(**changed)).encode() if body is None else body
    return read_client_metadata(Fetched(raw, None, media_type), URL)


def refused(check: str, **changed) -> Fault:
    with pytest.raises(Fault) as caught:
        read(**changed)
    assert caught.value.check == check, caught.value
    return caught.value


def test_an_honest_document_gives_its_keys_and_narrows_nothing():
    found = read()
    assert json.loads(found.keys.jwks) == org.jwks_of(org.ROBOT_KEY)
    assert (found.algorithm, found.grant_types) == (None, None)
    assert read(jwks=None, jwks_uri=KEYS_URI).keys == KeySource(jwks_uri=KEYS_URI)


@pytest.mark.parametrize("media", ["application/json", "application/client-metadata+json"])
def test_json_is_read_under_its_own_types(media):
    assert read(media_type=media).keys.jwks


@pytest.mark.req("D-20")
@pytest.mark.parametrize(
    "media", ["", "text/html", "text/json", "application/jsonp", "image/svg+json", "application/xml"]
)
def test_another_content_type_is_no_metadata_document(media):
    refused("content_type", media_type=media)


@pytest.mark.req("D-20")
@pytest.mark.parametrize(
    "client_id",
    ["https://agent.example/oauth/client.json/", "https://agent.example/oauth/Client.json",
     "https://AGENT.example/oauth/client.json", "https://agent.example:443/oauth/client.json",
     "https://agent.example/oauth/client.json?", "https://other.example/client.json", "desk-agent", "", None, 7, [URL]],
)  # fmt: skip
def test_a_document_that_names_another_client_is_refused(client_id):
    refused("claim:client_id", client_id=client_id)


@pytest.mark.req("D-20", "D-22", "D-02")
@pytest.mark.parametrize(
    "method",
    ["client_secret_basic", "client_secret_post", "client_secret_jwt", "none", "tls_client_auth", "Private_key_jwt", "", None, ["private_key_jwt"]],
)  # fmt: skip
def test_the_one_method_of_a_document_is_private_key_jwt(method):
    refused("claim:token_endpoint_auth_method", token_endpoint_auth_method=method)


@pytest.mark.req("D-20")
@pytest.mark.parametrize("member", ["client_secret", "client_secret_expires_at", "client_secret_hint"])
def test_a_document_with_a_shared_secret_is_refused_and_the_secret_not_repeated(member):
    fault = refused("client_secret", **{member: "hunter2hunter2"})
    assert "hunter2" not in str(fault)


PRIVATE = {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "d": "AA", "kid": "leaked"}


@pytest.mark.req("D-20", "D-22")
@pytest.mark.parametrize(
    "jwks",
    [
        {"keys": [PRIVATE]},
        {"keys": [*org.jwks_of(org.ROBOT_KEY)["keys"], PRIVATE]},
        {"keys": [*org.jwks_of(org.ROBOT_KEY)["keys"], {"kty": "oct", "k": "c2VjcmV0"}]},
        {"keys": [*org.jwks_of(org.ROBOT_KEY)["keys"], {**org.ROBOT_KEY.jwk, "kid": "other", "d": ""}]},
        {"keys": []}, {"keys": {}}, {}, [], "https://agent.example/keys", None,
        {"keys": [{"kty": "EC", "crv": "P-192", "x": "AA", "y": "AA"}]},
        {"keys": ["not a key"]},
        {"keys": [{**org.ROBOT_KEY.jwk, "use": "enc"}]},
    ],
)  # fmt: skip
def test_keys_are_public_usable_and_there(jwks):
    refused("jwks", jwks=jwks)


@pytest.mark.req("D-22")
def test_keys_are_in_one_place():
    refused("jwks", jwks_uri=KEYS_URI)
    refused("jwks", jwks=None)


@pytest.mark.req("D-21", "D-22")
@pytest.mark.parametrize(
    ("uri", "check"),
    [("http://agent.example/keys", "jwks_uri"), ("http://127.0.0.1/keys", "jwks_uri"), ("file:///etc/passwd", "jwks_uri"),
     ("//agent.example/keys", "jwks_uri"), ("https://a@agent.example/keys", "jwks_uri"), ("https://agent.example/k#f", "jwks_uri"),
     ("HTTPS://agent.example/keys", "jwks_uri"),
     ("https://agent.example/" + "x" * 2048, "claim:jwks_uri"), ("", "claim:jwks_uri"), (7, "claim:jwks_uri")],
)  # fmt: skip
def test_an_address_of_keys_that_is_not_https_is_refused(uri, check):
    refused(check, jwks=None, jwks_uri=uri)


def test_an_algorithm_that_the_client_names_is_one_with_public_keys():
    assert read(token_endpoint_auth_signing_alg="ES256").algorithm == "ES256"
    for alg in ("HS256", "none", "es256"):
        refused("algorithm", token_endpoint_auth_signing_alg=alg)
    refused("claim:token_endpoint_auth_signing_alg", token_endpoint_auth_signing_alg=["ES256"])


@pytest.mark.req("D-17")
def test_the_grant_types_of_a_document_are_read_as_what_the_client_does():
    assert read(grant_types=["authorization_code"]).grant_types == {"authorization_code"}
    assert read(grant_types=[]).grant_types == frozenset()
    both = read(grant_types=[EXCHANGE, BEARER], authorization_grant_profiles_supported=[PROFILE])
    assert both.grant_types == {EXCHANGE, BEARER}
    assert read(authorization_grant_profiles_supported=["another"]).grant_types is None


@pytest.mark.req("D-17")
@pytest.mark.parametrize("grant_types", [None, [], [EXCHANGE], [BEARER], ["authorization_code"]])
def test_the_profile_without_both_of_its_grant_types_contradicts_itself(grant_types):
    refused("grant_types", grant_types=grant_types, authorization_grant_profiles_supported=[PROFILE])


@pytest.mark.req("D-17")
@pytest.mark.parametrize("name", ["grant_types", "authorization_grant_profiles_supported"])
@pytest.mark.parametrize("value", [PROFILE, {PROFILE: True}, [7], [None], True])
def test_lists_of_a_document_are_lists_of_texts(name, value):
    refused(f"claim:{name}", **{name: value})


HONEST = json.dumps(metadata())


@pytest.mark.req("D-20")
@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b'"x"', b"{", HONEST[:-1].encode(), HONEST.encode() + b"{}", HONEST.encode("utf-16"),
        b"\xef\xbb\xbf" + HONEST.encode(), b"<html></html>",
        HONEST.replace('"client_name"', '"client_id": "https://other.example/c", "client_name"').encode(),
        HONEST.replace('"client_name"', '"client_id": "' + URL + '", "client_name"').encode(),
        HONEST.replace('"Agent"', "NaN").encode(), HONEST.replace('"Agent"', '"\\ud800"').encode(),
        HONEST.replace('"Agent"', "[" * 20 + "]" * 20).encode(),
    ],
)  # fmt: skip
def test_what_is_not_one_strict_json_object_is_refused(body):
    refused("json", body=body)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*sorted(metadata()), "jwks_uri", "grant_types", "client_secret", "token_endpoint_auth_signing_alg"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=5), max_size=3)
        | st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
        max_size=4,
    )
)  # fmt: skip
def test_whatever_a_document_says_it_is_read_or_refused_and_never_with_another_id_or_method(changed):
    try:
        found = read(body=json.dumps({**metadata(), **changed}).encode())
    except Fault:
        return
    assert changed.get("client_id", URL) == URL
    assert changed.get("token_endpoint_auth_method", "private_key_jwt") == "private_key_jwt"
    assert "client_secret" not in changed
    assert (found.keys.jwks is None) != (found.keys.jwks_uri is None)


def test_two_keys_are_both_read():
    other = signing_key("ES256", "second")
    assert len(json.loads(read(jwks=org.jwks_of(org.ROBOT_KEY, other)).keys.jwks)["keys"]) == 2
