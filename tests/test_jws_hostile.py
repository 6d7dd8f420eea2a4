"""Tokens that an attacker makes: each is refused by name, and an honest one still passes."""

from __future__ import annotations

import asyncio
import json
from itertools import permutations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from grantd import jwk, jws
from tokens import b64, hmac_signed, jwks, key_set, part, signing_key, unsigned

CLAIMS = {"iss": "https://idp.acme.example", "sub": "alice", "jti": "1", "exp": 1_795_000_300}
ALL = frozenset(jwk.ALGORITHMS)
KEY = signing_key()
RSA = signing_key("RS256")
ATTACKER = signing_key(kid="attacker")
KEYS = key_set(KEY, RSA)
HEAD = {"alg": "ES256", "kid": KEY.kid}
HONEST = KEY.sign(CLAIMS)


def refusal(token: str, keys: jwk.KeySet = KEYS) -> str:
    """The name of the check that refused the token; an honest token then still passes."""
    with pytest.raises(jws.Fault) as caught:
        jws.verify(jws.read(token), keys, ALL, jws.ID_TOKEN)
    assert jws.verify(jws.read(HONEST), KEYS, ALL, jws.ID_TOKEN) == CLAIMS
    return caught.value.check


@pytest.mark.req("G-02")
@pytest.mark.hostile("J01")
@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "none ", "", None, 0, [], "es256", "ES256K", "RSA1_5"])
@pytest.mark.parametrize("signature", [b"", b"\0" * 64])
def test_an_unsigned_token_is_refused_in_every_spelling_of_none(alg, signature):
    assert refusal(unsigned({"alg": alg, "kid": KEY.kid}, CLAIMS, signature)) == "alg"


def test_a_token_without_alg_or_without_signature_is_refused():
    assert refusal(unsigned({"kid": KEY.kid}, CLAIMS)) == "alg"
    assert refusal(HONEST.rpartition(".")[0] + ".") == "signature"


def public_key_files():
    for key in (KEY, RSA):
        public = key.private.public_key()
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        yield from ((key, pem), (key, pem.strip()), (key, der), (key, json.dumps(key.jwk).encode()))
    pkcs1 = RSA.private.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1)
    yield from ((RSA, pkcs1), (RSA, pkcs1.strip()))


@pytest.mark.req("G-02")
@pytest.mark.hostile("J03")
@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_a_public_key_never_serves_as_an_hmac_secret(alg):
    for key, secret in public_key_files():
        assert refusal(hmac_signed({"alg": alg, "kid": key.kid}, CLAIMS, secret)) == "alg"


@pytest.mark.hostile("J10", "J11")
@pytest.mark.parametrize("kid", ["../../../../dev/null", "/dev/null", "/invalid", "", "x' UNION SELECT '1'-- "])
@pytest.mark.parametrize("secret", [b"", b"1", b"secret", b"\0"])
def test_an_hmac_under_a_kid_that_points_somewhere_is_refused(kid, secret):
    assert refusal(hmac_signed({"alg": "HS256", "kid": kid}, CLAIMS, secret)) in {"alg", "kid"}


@pytest.mark.req("G-05")
@pytest.mark.hostile("J10", "J11", "J12")
@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null",
        "/dev/null",
        "x' UNION SELECT '1'-- ",
        "|sleep 10",
        "$(curl http://a)",
        "attacker",
        "TEST-ES256",
    ],
)
def test_a_kid_is_only_ever_compared(kid):
    assert refusal(ATTACKER.sign_raw({"alg": "ES256", "kid": kid}, CLAIMS)) == "kid"


@pytest.mark.req("G-05")
@pytest.mark.hostile("J13")
@pytest.mark.parametrize("kid", [1, 0, True, None, [], [KEY.kid], {}, "", "a\0b", "a\nb", "\ud800", "k" * 257])
def test_a_kid_that_is_no_short_printable_text_is_refused(kid):
    assert refusal(KEY.sign_raw({"alg": "ES256", "kid": kid}, CLAIMS)) in {"kid", "header"}


@pytest.mark.hostile("J13")
def test_a_header_above_its_cap_is_refused_although_the_token_is_below_its_own():
    assert refusal(KEY.sign_raw(HEAD | {"x": "y" * 4096}, CLAIMS)) == "header"
    assert refusal(KEY.sign_raw(HEAD | {"kid": "k" * (1 << 20)}, CLAIMS)) == "length"


@pytest.mark.req("E-20")
@pytest.mark.hostile("J07", "J08", "J09")
async def test_keys_and_addresses_in_a_header_are_listed_and_never_used():
    connections = 0

    def count(_reader, writer):
        nonlocal connections
        connections += 1
        writer.close()

    async with await asyncio.start_server(count, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
        offers = {"jwk": ATTACKER.jwk, "jku": url, "x5u": url, "x5c": [b64(b"cert")], "x5t": "a", "x5t#S256": "b"}
        for name, offer in offers.items():
            token = ATTACKER.sign_raw(HEAD | {name: offer}, CLAIMS)
            assert jws.read(token).ignored == (name,)
            assert refusal(token) == "signature"
            del token
            honest = KEY.sign_raw(HEAD | {name: offer}, CLAIMS)
            assert jws.verify(jws.read(honest), KEYS, ALL, jws.ID_TOKEN) == CLAIMS
        await asyncio.sleep(0)
    assert connections == 0


@pytest.mark.hostile("J14")
def test_a_token_without_kid_passes_only_where_a_single_key_fits_its_algorithm():
    token = KEY.sign_raw({"alg": "ES256"}, CLAIMS)
    assert jws.verify(jws.read(token), KEYS, ALL, jws.ID_TOKEN) == CLAIMS
    assert refusal(token, key_set(KEY, ATTACKER)) == "kid"
    assert refusal(token, key_set(RSA)) == "kid"


RSA_FAMILY = sorted(jwk.RSA_ALGORITHMS)


@pytest.mark.req("G-03")
@pytest.mark.hostile("J15")
@pytest.mark.parametrize(("bound", "claimed"), list(permutations(RSA_FAMILY, 2)))
def test_an_rsa_key_verifies_no_other_rsa_algorithm_than_its_own(bound, claimed):
    key = signing_key(bound)
    data = f"{part({'alg': claimed, 'kid': key.kid})}.{part(CLAIMS)}"
    token = f"{data}.{b64(jws.sign_with(key.private, claimed, data.encode()))}"
    assert refusal(token, key_set(key)) == "alg"


@pytest.mark.hostile("J18")
def test_a_symmetric_key_in_a_set_is_dropped_and_the_others_still_work():
    secret = b"s" * 32
    document = jwks({"kty": "oct", "kid": "shared", "k": b64(secret), "alg": "HS256"}, KEY)
    keys = jwk.read_jwks(document, default_algs=ALL)
    assert "shared" not in keys
    assert KEY.kid in keys
    assert refusal(hmac_signed({"alg": "HS256", "kid": "shared"}, CLAIMS, secret), keys) == "alg"


@pytest.mark.req("G-06")
@pytest.mark.hostile("J29", "J39")
@pytest.mark.parametrize(
    ("extra", "check"),
    [
        ({"crit": ["exp"], "exp": 1}, "crit"),
        ({"crit": []}, "crit"),
        ({"crit": None}, "crit"),
        ({"crit": ["b64"], "b64": True}, "crit"),
        ({"b64": False}, "header"),
        ({"b64": True}, "header"),
        ({"zip": "DEF"}, "header"),
        ({"cty": "JWT"}, "header"),
        ({"cty": "application/jwt"}, "header"),
        ({"cty": 1}, "header"),
    ],
)
def test_header_members_that_change_the_meaning_are_refused(extra, check):
    assert refusal(KEY.sign_raw(HEAD | extra, CLAIMS)) == check


@pytest.mark.hostile("J39")
def test_a_nested_token_is_refused():
    assert refusal(KEY.sign_raw(HEAD | {"cty": "JWT"}, HONEST.encode())) == "header"
    assert refusal(KEY.sign_raw(HEAD, HONEST.encode())) == "payload"
