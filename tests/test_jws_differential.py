"""What we accept, other libraries accept and read alike; what they forgive, we refuse."""

from __future__ import annotations

import json

import joserfc.jwk
import joserfc.jws
import jwt
import pytest
from hypothesis import example, given, target
from hypothesis import strategies as st

from grantd import claims, jwk, jws
from tokens import UNHURRIED, b64, jwks, key_set, part, signing_key, with_signature

KEY = signing_key()
KEYS = key_set(KEY)
ES256 = frozenset({"ES256"})
ANY_TYP = jws.Typ("test token", frozenset({"jwt", "at+jwt"}), may_be_absent=True)
HEAD = {"alg": "ES256", "kid": KEY.kid}
HONEST = KEY.sign({"sub": "alice", "exp": 1_795_000_300})

# joserfc would refuse header members that it does not know; that is its policy, not a
# reading. It also checks the syntax of a jku, which we do not even look at.
LENIENT = joserfc.jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
FOREIGN_KEY = joserfc.jwk.import_key(KEY.jwk)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
CLAIM_NAMES = st.sampled_from(["iss", "sub", "aud", "exp", "jti", "a"])
OBJECTS = st.dictionaries(CLAIM_NAMES, VALUES, max_size=5)
HEADERS = st.dictionaries(st.sampled_from(["typ", "cty", "crit", "b64", "zip", "x", "kid", "alg"]), VALUES, max_size=2)


def accepted(token: str):
    """Our verdict: the claims, or None for a Fault. Anything else fails the test."""
    try:
        return jws.verify(jws.read(token), KEYS, ES256, ANY_TYP)
    except jws.Fault as fault:
        assert len(fault.expected) + len(fault.got) < 400  # noqa: PT017  # the fault is the answer here, not an error
        return None


def assert_others_agree(token: str, ours) -> None:
    theirs = jwt.api_jws.PyJWS().decode_complete(token, KEY.key.public, algorithms=["ES256"])
    assert json.loads(theirs["payload"]) == ours
    third = joserfc.jws.deserialize_compact(token, FOREIGN_KEY, registry=LENIENT)
    assert json.loads(third.payload) == ours


@pytest.mark.req("G-15")
@UNHURRIED
@given(st.text(max_size=300) | st.text("ABab09-_.=", max_size=300))
def test_any_text_is_a_fault(text):
    assert accepted(text) is None


@pytest.mark.req("G-15")
@UNHURRIED
@given(st.binary(max_size=200), st.binary(max_size=200), st.binary(max_size=80))
def test_any_bytes_in_three_segments_are_a_fault(header, payload, signature):
    assert accepted(f"{b64(header)}.{b64(payload)}.{b64(signature)}") is None


@pytest.mark.req("G-15")
@UNHURRIED
@given(st.data())
def test_an_honest_token_with_any_edit_is_a_fault_or_was_not_changed(data):
    start = data.draw(st.integers(0, len(HONEST)))
    end = data.draw(st.integers(start, min(len(HONEST), start + 4)))
    edited = HONEST[:start] + data.draw(st.text("ABCabc019-_.=+/ \n\u212a", max_size=4)) + HONEST[end:]
    assert (accepted(edited) is not None) == (edited == HONEST)


@pytest.mark.req("G-15")
@UNHURRIED
@given(HEADERS, OBJECTS)
@example({}, {"sub": "alice"})
@example({"jku": "https://evil.example/keys"}, {"sub": "alice"})
@example({"typ": "AT+jwt", "x": [1]}, {"sub": "\U0001f600", "exp": 1e300})
def test_a_signed_token_that_we_accept_is_accepted_and_read_alike_by_two_other_libraries(header, payload):
    token = KEY.sign_raw(HEAD | header, payload)
    ours = accepted(token)
    target(ours is not None)
    if ours is not None:
        assert_others_agree(token, ours)


@UNHURRIED
@given(st.text('{}[]:,"\\u0041dface .-+eE019\tnutrfsl\ufeff', max_size=60).map(str.encode) | st.binary(max_size=60))
@example(b'{"a":"\\ud83d\\ude00"}')
@example(b' {"a" : [1, 2.5e3, {"b": null}] } ')
@example(b'{"a":1,"a":1}')
def test_a_signed_payload_that_we_accept_is_read_alike_by_two_other_libraries(payload):
    token = KEY.sign_raw(HEAD, payload)
    ours = accepted(token)
    if ours is not None:
        assert_others_agree(token, ours)


@UNHURRIED
@given(st.binary(max_size=70))
def test_no_drawn_bytes_are_a_signature(signature):
    token = with_signature(HONEST, signature)
    assert accepted(token) is None


def test_the_honest_token_is_accepted_by_all_three():
    assert_others_agree(HONEST, accepted(HONEST))


PERMISSIVE = {
    "padding": f"{HONEST}==",
    "spare bits": HONEST[:-1] + chr(ord(HONEST[-1]) + 1) if HONEST[-1] in "AQgw" else HONEST + "=",
    "repeated claim": KEY.sign_raw(HEAD, b'{"sub":"alice","sub":"bob"}'),
    "repeated header member": KEY.sign_raw(f'{{"alg":"ES256","kid":"a","kid":"{KEY.kid}"}}'.encode(), {"sub": "alice"}),
    "UTF-16": KEY.sign_raw(HEAD, '{"sub":"alice"}'.encode("utf-16")),
    "UTF-32": KEY.sign_raw(HEAD, '{"sub":"alice"}'.encode("utf-32")),
    "byte order mark": KEY.sign_raw(HEAD, b'\xef\xbb\xbf{"sub":"alice"}'),
    "lone surrogate": KEY.sign_raw(HEAD, b'{"sub":"\\ud800"}'),
    "huge kid": KEY.sign_raw({"alg": "ES256", "kid": "k" * (1 << 20)}, {"sub": "alice"}),
    "a list as payload": KEY.sign_raw(HEAD, b"[1]"),
    "NaN": KEY.sign_raw(HEAD, b'{"exp":NaN}'),
}


@pytest.mark.req("G-07", "G-09", "G-15")
@pytest.mark.parametrize("name", PERMISSIVE)
def test_what_pyjwt_forgives_in_a_token_is_refused(name):
    assert accepted(PERMISSIVE[name]) is None


@pytest.mark.req("G-08", "G-09", "G-13")
@pytest.mark.parametrize(
    ("payload", "check"),
    [
        (b'{"exp":"1795000300","iat":1795000000}', "claim:exp"),
        (b'{"exp":' + b"9" * 400 + b',"iat":1795000000}', "claim:exp"),
        (b'{"exp":1795000300000,"iat":1795000000}', "claim:exp"),
        (b'{"exp":true,"iat":1795000000}', "claim:exp"),
        (b'{"iat":1795000000}', "claim:exp"),
        (b'{"exp":1795000300}', "claim:iat"),
    ],
)
def test_what_pyjwt_forgives_in_dates_is_refused(payload, check):
    verified = accepted(KEY.sign_raw(HEAD, payload))
    with pytest.raises(jws.Fault) as caught:
        claims.check_times(verified, 1_795_000_000)
    assert caught.value.check == check


@pytest.mark.req("G-09")
@pytest.mark.parametrize("value", ["", "\0", "a\0b", "x" * 257, 7, None])
@pytest.mark.parametrize("name", ["sub", "jti"])
def test_what_pyjwt_forgives_in_identifiers_is_refused(name, value):
    verified = accepted(KEY.sign_raw(HEAD, {name: value}))
    with pytest.raises(jws.Fault) as caught:
        claims.text(verified, name)
    assert caught.value.check == f"claim:{name}"


@pytest.mark.parametrize(
    "extra", [{"use": "enc"}, {"key_ops": ["sign"]}, {"d": part("x")}, {"use": "verify"}, {"alg": "ES384"}]
)
def test_what_pyjwt_forgives_in_a_key_leaves_the_token_without_key(extra):
    keys = jwk.read_jwks(jwks(KEY.jwk | extra, signing_key("RS256")), default_algs=())
    with pytest.raises(jws.Fault) as caught:
        jws.verify(jws.read(HONEST), keys, ES256, ANY_TYP)
    assert caught.value.check == "kid"
