"""Access tokens verified by the issuer's keys: what is accepted, and how keys are fetched."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clocks import Clock
from grantd import http
from grantd.errors import Unavailable
from grantd.verifiers.access_token import AccessTokenVerifier
from grantd.verifiers.remote_keys import COOL_DOWN, FRESH, KEPT, PAUSE, RemoteKeys, metadata_url
from grantd.verifiers.tokens import LONGEST_TOKEN, TokenRefused
from issuer_ import NOW, RESOURCE, issuing
from serving_ import serving
from tokens import jwks, signing_key

pytestmark = pytest.mark.asyncio(loop_scope="module")

OTHER = signing_key(kid="other")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running():
    async with issuing() as issuer:
        yield issuer


@pytest.fixture
def issuer(running):
    """One issuer for all tests, as a server costs more than what they test."""
    return running.reset()


@pytest_asyncio.fixture(loop_scope="module")
async def verifier(issuer):
    verifier = AccessTokenVerifier(issuer=issuer.issuer, resource=RESOURCE, now=lambda: NOW)
    yield verifier
    await verifier.close()


@pytest.mark.req("C-11")
async def test_a_good_token_is_accepted_and_read(issuer, verifier):
    token = await verifier.verify(issuer.token())
    assert (token.issuer, token.subject, token.client_id) == (issuer.issuer, "u-18f2", "assistant")
    assert token.scopes == {"tickets:read", "tickets:write"}
    assert (token.resource, token.expires_at, token.token_id) == (RESOURCE, NOW + 900, "t-1")
    assert (token.acr, token.amr, token.auth_time) == ("mfa", ("pwd", "otp"), NOW - 60)


@pytest.mark.parametrize("change", [{"aud": [RESOURCE, "https://else"]}, {"scope": None}, {"acr": None}, {"amr": None}])
async def test_optional_members_may_be_absent_and_audiences_several(issuer, verifier, change):
    token = await verifier.verify(issuer.token(**change))
    assert token.resource == RESOURCE


@pytest.mark.req("C-11", "C-13")
@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"iss": "https://evil.example"}, "claim:iss"),
        ({"iss": None}, "claim:iss"),
        ({"aud": "https://tickets.example"}, "claim:aud"),
        ({"aud": "https://tickets.example/mcp/"}, "claim:aud"),
        ({"aud": ["https://else"]}, "claim:aud"),
        ({"aud": []}, "claim:aud"),
        ({"aud": None}, "claim:aud"),
        ({"exp": NOW - 31}, "expired"),
        ({"exp": None}, "claim:exp"),
        ({"exp": str(NOW + 900)}, "claim:exp"),
        ({"nbf": NOW + 31}, "time:nbf"),
        ({"iat": NOW + 31}, "time:iat"),
        ({"sub": None}, "claim:sub"),
        ({"sub": ""}, "claim:sub"),
        ({"client_id": None}, "claim:client_id"),
        ({"jti": None}, "claim:jti"),
        ({"scope": ["tickets:read"]}, "claim:scope"),
        ({"scope": {"a": 1}}, "claim:scope"),
        ({"acr": 1}, "claim:acr"),
    ],
)
async def test_a_token_with_one_wrong_claim_is_refused(issuer, verifier, change, check):
    with pytest.raises(TokenRefused) as caught:
        await verifier.verify(issuer.token(**change))
    assert caught.value.check.startswith(check.partition(":")[0])
    assert caught.value.check.endswith(check.rpartition(":")[2])


@pytest.mark.req("C-14")
@pytest.mark.parametrize("cnf", [{"jkt": "x"}, {"x5t#S256": "x"}, {}, "x"])
async def test_a_bound_token_is_refused_as_a_bearer_token(issuer, verifier, cnf):
    with pytest.raises(TokenRefused, match="claim:cnf"):
        await verifier.verify(issuer.token(cnf=cnf))


@pytest.mark.req("C-12")
@pytest.mark.parametrize(
    "typ",
    ["JWT", None, "oauth-id-jag+jwt", "token-introspection+jwt", "client-authentication+jwt", "at+jwt+x", "at+JWTS"],
)
async def test_any_other_kind_of_token_is_refused_although_the_key_signed_it(issuer, verifier, typ):
    with pytest.raises(TokenRefused, match="typ"):
        await verifier.verify(issuer.token(typ=typ))


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "AT+JWT"])
async def test_the_media_type_may_be_spelled_out(issuer, verifier, typ):
    assert (await verifier.verify(issuer.token(typ=typ))).subject == "u-18f2"


async def test_a_signature_of_another_key_is_refused(issuer, verifier):
    impostor = signing_key(kid=issuer.key.kid, bits=2049)
    with pytest.raises(TokenRefused, match="signature"):
        await verifier.verify(issuer.token(key=impostor))


async def test_an_algorithm_that_was_not_allowed_is_refused_although_the_key_is_published(issuer, verifier):
    rsa = signing_key("RS256")
    issuer.keys = [issuer.key, rsa]
    with pytest.raises(TokenRefused, match="alg"):
        await verifier.verify(issuer.token(key=rsa))


async def test_an_oversized_token_is_refused_before_any_key_is_fetched(issuer, verifier):
    with pytest.raises(TokenRefused, match="length"):
        await verifier.verify("a" * (LONGEST_TOKEN + 1))
    assert issuer.asked == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    raw=st.one_of(st.text(max_size=300), st.builds(".".join, st.lists(st.text(max_size=40), min_size=3, max_size=3)))
)
async def test_any_text_is_refused_and_nothing_else_happens(verifier, raw):
    with pytest.raises(TokenRefused):
        await verifier.verify(raw)


async def test_a_verifier_needs_an_algorithm_and_a_resource():
    for missing in ({"algorithms": ()}, {"resource": ""}):
        with pytest.raises(ValueError, match="required"):
            AccessTokenVerifier(**({"issuer": "https://as", "resource": RESOURCE} | missing))


@pytest.mark.parametrize(
    "url",
    [
        "http://as.example",
        "ftp://as.example",
        "https://u:p@as.example",
        "https://as.example#x",
        "as.example",
        "http:///x",
    ],
)
async def test_an_issuer_must_be_https_or_loopback(url):
    with pytest.raises(ValueError, match=r"not a plain URL|neither https nor loopback"):
        AccessTokenVerifier(issuer=url, resource=RESOURCE)


async def test_the_metadata_path_goes_between_host_and_path():
    assert metadata_url("https://as.example/a/b") == "https://as.example/.well-known/oauth-authorization-server/a/b"
    assert metadata_url("https://as.example/") == "https://as.example/.well-known/oauth-authorization-server"


@pytest_asyncio.fixture(loop_scope="module")
async def remote(issuer):
    clock = Clock()
    keys = RemoteKeys(issuer.issuer, algorithms=frozenset({"ES256"}), monotonic=clock)
    yield keys, clock
    await keys.close()


@pytest.mark.req("C-15")
async def test_an_unknown_kid_causes_one_refresh_per_cool_down(issuer, remote):
    keys, clock = remote
    await keys.keyset(issuer.key.kid)
    for turn in range(20):
        assert f"made-up-{turn}" not in await keys.keyset(f"made-up-{turn}")
    assert issuer.fetched("/jwks") == 1
    clock.now += COOL_DOWN + 1
    for turn in range(20):
        await keys.keyset(f"made-up-{turn}")
    assert issuer.fetched("/jwks") == 2


@pytest.mark.req("C-15")
async def test_a_known_kid_or_none_at_all_causes_no_refresh(issuer, remote):
    keys, clock = remote
    await keys.keyset(issuer.key.kid)
    clock.now += COOL_DOWN + 1
    await keys.keyset(issuer.key.kid)
    await keys.keyset(None)
    assert issuer.fetched("/jwks") == 1


@pytest.mark.req("C-15")
async def test_a_new_key_is_found_by_the_refresh_that_its_kid_causes(issuer, remote):
    keys, clock = remote
    await keys.keyset(issuer.key.kid)
    issuer.keys = [issuer.key, OTHER]
    clock.now += COOL_DOWN + 1
    assert OTHER.kid in await keys.keyset(OTHER.kid)


async def test_known_keys_are_fetched_again_when_they_are_no_longer_fresh(issuer, remote):
    keys, clock = remote
    await keys.keyset(issuer.key.kid)
    issuer.keys = [OTHER]
    assert issuer.key.kid in await keys.keyset(issuer.key.kid)
    clock.now += FRESH + 1
    assert issuer.key.kid not in await keys.keyset(issuer.key.kid)


async def test_many_callers_at_once_cause_one_fetch(issuer, remote):
    keys, _ = remote
    found = await asyncio.gather(*(keys.keyset(issuer.key.kid) for _ in range(50)))
    assert all(issuer.key.kid in keyset for keyset in found)
    assert issuer.fetched("/jwks") == 1


async def test_the_last_good_copy_is_used_for_a_bounded_time(issuer, remote):
    keys, clock = remote
    await keys.keyset(issuer.key.kid)
    issuer.status = 500
    clock.now += FRESH + 1
    assert issuer.key.kid in await keys.keyset(issuer.key.kid)
    clock.now += KEPT
    with pytest.raises(Unavailable, match="cannot be fetched"):
        await keys.keyset(issuer.key.kid)


async def test_a_failed_fetch_is_not_repeated_for_a_while(issuer, remote):
    keys, clock = remote
    issuer.status = 500
    for _ in range(10):
        with pytest.raises(Unavailable):
            await keys.keyset("k")
    assert len(issuer.asked) == 1
    issuer.status = 200
    clock.now += PAUSE + 1
    assert issuer.key.kid in await keys.keyset(issuer.key.kid)


@pytest.mark.parametrize(
    "fault",
    [
        {"padding": http.LIMIT + 1},
        {"location": "/elsewhere"},
        {"metadata": {"issuer": "https://evil.example"}},
        {"metadata": {"jwks_uri": "http://keys.evil.example/jwks"}},
        {"metadata": {"jwks_uri": None}},
        {"metadata": {"jwks_uri": 7}},
        {"status": 404},
    ],
    ids=lambda fault: next(iter(fault)),
)
async def test_keys_that_cannot_be_had_are_unavailable_and_never_a_refusal(issuer, remote, fault):
    for name, value in fault.items():
        setattr(issuer, name, value)
    with pytest.raises(Unavailable):
        await remote[0].keyset(issuer.key.kid)
    assert issuer.fetched("/elsewhere") == 0


async def test_an_unusable_address_of_the_keys_is_not_asked(issuer, remote):
    issuer.metadata = {"jwks_uri": f"{issuer.issuer}/jwks#fragment"}
    with pytest.raises(Unavailable):
        await remote[0].keyset(issuer.key.kid)
    assert issuer.fetched("/jwks") == 0


async def test_a_redirect_of_the_key_set_is_not_followed(issuer):
    keys = RemoteKeys(issuer.issuer, algorithms=frozenset({"ES256"}), jwks_uri=f"{issuer.issuer}/jwks")
    issuer.location = f"{issuer.issuer}/else/jwks"
    with pytest.raises(Unavailable):
        await keys.keyset(None)
    assert issuer.asked == [("GET", "/as/jwks")]
    await keys.close()


async def test_a_set_without_keys_keeps_the_last_good_copy(issuer, remote):
    keys, clock = remote
    await keys.keyset(issuer.key.kid)
    issuer.keys = [{"kty": "oct", "k": "eA"}]
    clock.now += FRESH + 1
    assert issuer.key.kid not in await keys.keyset(issuer.key.kid)


async def test_the_environment_cannot_put_a_proxy_in_between(issuer, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    verifier = AccessTokenVerifier(issuer=issuer.issuer, resource=RESOURCE, now=lambda: NOW)
    assert (await verifier.verify(issuer.token())).subject == "u-18f2"
    await verifier.close()


async def test_an_issuer_that_answers_in_drops_is_unavailable_although_each_drop_is_in_time(monkeypatch):
    async def drip(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(40):
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.sleep(0.02)
        await send({"type": "http.response.body", "body": jwks(signing_key()).encode()})

    monkeypatch.setattr(http, "SECONDS", 0.2)
    async with serving(drip) as base:
        keys = RemoteKeys(f"{base}/as", algorithms=frozenset({"ES256"}), jwks_uri=f"{base}/as/jwks")
        with pytest.raises(Unavailable):
            await keys.keyset(None)
        await keys.close()
