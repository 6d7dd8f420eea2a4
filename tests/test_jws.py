"""The strict JWS layer: what is read, what each kind of token may look like, what is signed."""

from __future__ import annotations

import json

import pytest

from grantd import jwk, jws
from tokens import b64, jwks, key_set, part, signature_of, signing_key, unsigned, with_signature

CLAIMS = {"iss": "https://idp.acme.example", "sub": "zo\u00eb", "exp": 1_795_000_300}
ES256 = frozenset({"ES256"})
ANY_TYP = jws.Typ("test token", frozenset({"test+jwt"}), may_be_absent=True)


def fault_of(token, keys=None, allowed=ES256, typ=ANY_TYP) -> jws.Fault:
    with pytest.raises(jws.Fault) as caught:
        jws.verify(jws.read(token), keys or key_set(signing_key()), allowed, typ)
    return caught.value


@pytest.mark.req("G-03")
@pytest.mark.parametrize("alg", sorted(jwk.ALGORITHMS))
def test_a_token_of_each_algorithm_verifies_under_its_published_key_and_no_other(alg):
    key = signing_key(alg)
    keys = jwk.read_jwks(jwks(key), default_algs=())
    token = key.sign(CLAIMS)
    assert jws.verify(jws.read(token), keys, frozenset({alg}), ANY_TYP) == CLAIMS
    assert json.loads(jws.verify_compact(token, keys, frozenset({alg}), ANY_TYP)) == CLAIMS

    impostor = signing_key(alg, kid=f"other-{alg}")
    forged = with_signature(token, signature_of(impostor.sign(CLAIMS)))
    assert fault_of(forged, keys, frozenset({alg})).check == "signature"


def test_what_was_read_is_what_was_sent_and_shows_no_token_byte():
    key = signing_key()
    token = key.sign(CLAIMS, "at+jwt")
    parsed = jws.read(token)
    assert parsed.header == jws.Header("ES256", key.kid, "at+jwt")
    assert parsed.unverified_claims == CLAIMS
    assert parsed.signing_input.decode() == token.rpartition(".")[0]
    assert parsed.signature == signature_of(token)
    assert "acme" not in repr(parsed)
    assert all(segment not in repr(parsed) for segment in token.split("."))


@pytest.mark.req("G-17")
@pytest.mark.hostile("J40")
@pytest.mark.parametrize("length", [16385, 65536, 1 << 20, 10 << 20])
def test_a_token_above_the_cap_is_refused_before_anything_is_parsed(length):
    token = signing_key().sign(CLAIMS)
    fault = fault_of(token + "A" * (length - len(token)))
    assert (fault.check, fault.got) == ("length", str(length))


def test_a_token_of_exactly_the_cap_is_read_and_one_above_is_not():
    token = signing_key().sign(CLAIMS)
    assert jws.read(token, limit=len(token)).unverified_claims == CLAIMS
    with pytest.raises(jws.Fault, match="length"):
        jws.read(token, limit=len(token) - 1)


TYPS = {
    "ID-JAG": (jws.ID_JAG, {"oauth-id-jag+jwt"}),
    "access token": (jws.ACCESS_TOKEN, {"at+jwt"}),
    "client assertion": (jws.CLIENT_ASSERTION, {None, "JWT", "client-authentication+jwt"}),
    "ID token": (jws.ID_TOKEN, {None, "JWT"}),
}
KNOWN = (
    None, "JWT", "at+jwt", "oauth-id-jag+jwt", "client-authentication+jwt", "dpop+jwt", "token-introspection+jwt",
    "logout+jwt", "secevent+jwt", "jose", "", "id_token+jwt", "at", "JWT ", "xat+jwt", "text/at+jwt",
)  # fmt: skip


def spellings(typ):
    if typ is None:
        return [None]
    return [typ, typ.upper(), typ.title(), f"application/{typ}", f"APPLICATION/{typ.upper()}"]


@pytest.mark.req("G-10")
@pytest.mark.parametrize("name", TYPS)
@pytest.mark.parametrize("typ", KNOWN)
def test_each_kind_of_token_takes_only_its_own_typ_in_any_spelling(name, typ):
    rule, accepted = TYPS[name]
    key = signing_key()
    for spelling in spellings(typ):
        parsed = jws.read(key.sign(CLAIMS, spelling))
        if typ in accepted:
            assert jws.verify(parsed, key_set(key), ES256, rule) == CLAIMS
        else:
            with pytest.raises(jws.Fault) as caught:
                jws.verify(parsed, key_set(key), ES256, rule)
            assert caught.value.check == "typ"


@pytest.mark.parametrize("typ", [None, True, 0, 1.5, [], ["at+jwt"], {}, "at+\u017dwt", "\u212awt"])
def test_a_typ_that_is_no_ascii_text_is_refused(typ):
    key = signing_key()
    assert fault_of(key.sign_raw({"alg": "ES256", "kid": key.kid, "typ": typ}, CLAIMS)).check == "typ"


@pytest.mark.req("G-02")
def test_an_algorithm_that_the_caller_does_not_allow_is_refused_although_the_key_is_known():
    key = signing_key("RS256")
    fault = fault_of(key.sign(CLAIMS), key_set(key), frozenset({"ES256", "PS256"}))
    assert (fault.check, fault.expected, fault.got) == ("alg", "ES256 or PS256", "RS256")
    assert fault_of(key.sign(CLAIMS), key_set(key), frozenset()).check == "alg"


def test_verify_compact_takes_a_payload_that_is_no_json_and_read_does_not():
    key = signing_key()
    token = key.sign_raw({"alg": "ES256", "kid": key.kid}, b"\xff not JSON")
    assert jws.verify_compact(token, key_set(key), ES256, ANY_TYP) == b"\xff not JSON"
    with pytest.raises(jws.Fault, match="payload"):
        jws.read(token)


def test_an_unknown_header_member_changes_nothing():
    key = signing_key()
    token = key.sign_raw({"alg": "ES256", "kid": key.kid, "nonce": "x", "cty": "json"}, CLAIMS)
    assert jws.verify(jws.read(token), key_set(key), ES256, ANY_TYP) == CLAIMS


@pytest.mark.parametrize(
    ("alg", "other"), [("ES256", "ES384"), ("ES384", "RS256"), ("RS256", "EdDSA"), ("none", "RS256")]
)
def test_a_key_signs_only_with_an_algorithm_that_fits_it(alg, other):
    with pytest.raises(ValueError, match="cannot be used"):
        jws.sign_with(signing_key(other).private, alg, b"data")


@pytest.mark.parametrize("claims", [{"exp": float("nan")}, {"sub": "\ud800"}, {"x": float("inf")}])
def test_claims_that_are_not_plain_json_are_never_signed(claims):
    with pytest.raises(ValueError, match=r"."):
        jws.signing_input(claims, alg="ES256", kid="k", typ="at+jwt")


def test_faults_are_bounded_and_printable_whatever_the_token_says():
    hostile = "\x1b[31m\u202e\r\n" + "k" * 1000
    token = unsigned({"alg": "ES256", "kid": hostile}, CLAIMS, b"x" * 64)
    fault = fault_of(token)
    assert len(fault.got) < 150
    assert fault.got.isprintable()
    assert fault_of(f"{part({'alg': 'HS256' * 99})}.{b64(b'{}')}.").got.count("HS256") < 20
