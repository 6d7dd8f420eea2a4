"""One token has one spelling: base64url, JSON and the compact form, read strictly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd import jwk, jws, strict
from tokens import UNHURRIED, b64, key_set, part, signing_key

CLAIMS = {
    "iss": "https://idp.acme.example",
    "aud": "a",
    "sub": "alice",
    "client_id": "c",
    "scope": "s",
    "jti": "1",
    "exp": 9,
}
KEY = signing_key()
HEAD = {"alg": "ES256", "kid": KEY.kid}
HONEST = KEY.sign(CLAIMS)
H, P, S = HONEST.split(".")


def refusal(token: str) -> str:
    with pytest.raises(jws.Fault) as caught:
        jws.verify(jws.read(token), key_set(KEY), frozenset({"ES256"}), jws.ID_TOKEN)
    return caught.value.check


def spare_bits(segment: str) -> str:
    """The same bytes under another last character."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) + 1]


@pytest.mark.req("G-01")
@pytest.mark.hostile("J24", "J26")
@pytest.mark.parametrize(
    "token",
    [
        "", ".", "..", "...", H, f"{H}.{P}", f"{HONEST}.", f".{HONEST}", f"{HONEST}.{S}", f"{H}..{P}.{S}",
        f"{H}=.{P}.{S}", f"{H}.{P}=.{S}", f"{H}.{P}.{S}=", f"{H}.{P}.{S}==", f"{HONEST}\n", f" {HONEST}", f"{HONEST} ",
        f"{H}.{P} .{S}", f"{H}\t.{P}.{S}", f"{H}.{P}.{S[:9]}\n{S[10:]}", f"{H}.{P}.{S[:9]}+{S[10:]}",
        f"{H}.{P}.{S[:9]}/{S[10:]}", f"{H}.{P}.{S[:9]}\uff21{S[10:]}", f"{H}.{P}.{S[:9]}\ud800{S[10:]}",
        f"{H}.{P}.{S[:9]}\0{S[10:]}", f"{H}.{P}.{S}A"[:-2] + "-", f"{H}.{P}.{spare_bits(S)}", f"{H}A.{P}.{S}",
        f"{H}.{P}.{S[:-1]}", f"Bearer {HONEST}", f"{H}\u200b.{P}.{S}",
        json.dumps({"payload": P, "signatures": [{"protected": H, "signature": S}]}),
        json.dumps({"payload": P, "protected": H, "signature": S}),
    ],
)  # fmt: skip
def test_any_other_form_than_three_canonical_segments_is_refused(token):
    assert refusal(token) in {"form", "header", "payload"}


@pytest.mark.req("G-15")
@pytest.mark.parametrize("length", range(1, 4))
def test_spare_bits_are_refused_in_every_segment(length):
    # 1 or 2 bytes beyond a multiple of three leave spare bits; three leave none.
    payload = b'{"a":' + b"1" * (3 + length) + b"}"
    token = KEY.sign_raw(HEAD, payload)
    head, body, tail = token.split(".")
    if len(body) % 4:
        assert refusal(f"{head}.{spare_bits(body)}.{tail}") == "form"
    assert jws.read(token).unverified_claims == json.loads(payload)


@pytest.mark.req("G-07")
@pytest.mark.hostile("J31")
@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("first", [True, False])
def test_a_repeated_claim_is_refused_whichever_comes_first(name, first):
    honest = json.dumps(CLAIMS)
    evil = json.dumps({name: "evil"})
    pair = (evil, honest) if first else (honest, evil)
    assert refusal(KEY.sign_raw(HEAD, f"{pair[0][:-1]},{pair[1][1:]}".encode())) == "payload"


@pytest.mark.req("G-07")
@pytest.mark.parametrize(
    "header",
    [
        f'{{"alg":"ES256","kid":"{KEY.kid}","alg":"ES256"}}',
        f'{{"alg":"none","alg":"ES256","kid":"{KEY.kid}"}}',
        f'{{"alg":"ES256","kid":"x","kid":"{KEY.kid}"}}',
        f'{{"alg":"ES256","kid":"{KEY.kid}","x":{{"a":1,"\\u0061":2}}}}',
    ],
)
def test_a_repeated_header_member_is_refused_also_when_spelled_by_escapes(header):
    assert refusal(KEY.sign_raw(header.encode(), CLAIMS)) == "header"


NOT_STRICT = [
    b"", b"[]", b'"x"', b"null", b"1", b"true", b"{", b"{}x", b"{} {}", b"{}\0", b"{}//c", b"/**/{}", b"{'a':1}",
    b'{"a":1,}', b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', b'{"a":1e400}', b'{"a":-1e400}', b'{"a":01}',
    b'{"a":0x1}', b'{"a":"\n"}', b'{"a":"\\ud800"}', b'{"\\udfff":1}', b'{"a":["\\ud800\\ud800"]}', b'{"a":"\xff"}',
    b'{"a":"\xed\xa0\x80"}', b'{"a":"\xc0\xaf"}', b"\xef\xbb\xbf{}", '{"a":1}'.encode("utf-16"),
    '{"a":1}'.encode("utf-16-le"), '{"a":1}'.encode("utf-32"), '{"a":1}'.encode("utf-32-be"),
    b'{"a":' + b"[" * 16 + b"]" * 16 + b"}", b"[" * 8000, b'{"a":' * 2000, b'{"a":"' + b'\\"[' * 2000,
    b'{"a":' + b"9" * 5000 + b"}", json.dumps({f"m{i}": 0 for i in range(257)}).encode(),
]  # fmt: skip


@pytest.mark.req("G-15")
@pytest.mark.hostile("J32")
@pytest.mark.parametrize("payload", NOT_STRICT)
def test_a_payload_that_is_no_strict_json_object_is_refused(payload):
    assert refusal(KEY.sign_raw(HEAD, payload)) == "payload"


@pytest.mark.parametrize("header", NOT_STRICT)
def test_a_header_that_is_no_strict_json_object_is_refused(header):
    if len(header) <= 4096:
        assert refusal(f"{b64(header)}.{P}.{S}") == "header"


@pytest.mark.parametrize(
    "payload",
    [
        b" \t\r\n{}\n", b'{"a":"\\ud83d\\ude00"}', '{"a":"\U0001f600"}'.encode(), b'{"a":1e300}',
        b'{"a":' + b"[" * 15 + b"]" * 15 + b',"b":[]}', b'{"a":"' + b"[{" * 500 + b'"}',
        b'{"a":"\\"' + b"[{" * 500 + b'\\\\"}', json.dumps({"groups": [{"g": i} for i in range(200)]}).encode(),
        json.dumps({f"m{i}": 0 for i in range(256)}).encode(),
    ],
)  # fmt: skip
def test_unusual_but_strict_json_is_read(payload):
    token = KEY.sign_raw(HEAD, payload)
    assert jws.verify(jws.read(token), key_set(KEY), frozenset({"ES256"}), jws.ID_TOKEN) == json.loads(payload)


@pytest.mark.parametrize(
    ("payload", "got"),
    [
        (b'{"a":1,"a":1}', "a repeated member"),
        (b'{"a":NaN}', "NaN or an infinity"),
        (b'{"a":1e400}', "a number beyond all bounds"),
        (b'{"a":"\\ud800"}', "a lone surrogate"),
        (b'{"a":' + b"[" * 16 + b"]" * 16 + b"}", "more than 16 levels"),
        (json.dumps({f"m{i}": 0 for i in range(257)}).encode(), "more than 256 members"),
        (b"\xff", "bytes that are not UTF-8"),
        (b'{"secret":', "text that is not JSON"),
        (b"null", "null"),
        (b"true", "a boolean"),
        (b"1.5", "a number"),
        (b'"secret"', "a text of 6 characters"),
        (b"[]", "a list"),
    ],
)
def test_the_fault_of_a_payload_names_the_rule_and_repeats_nothing(payload, got):
    with pytest.raises(jws.Fault) as caught:
        jws.read(KEY.sign_raw(HEAD, payload))
    assert caught.value.got == got
    assert str(caught.value) == f"payload: expected one strict JSON object in UTF-8, got {got}"


def test_an_unclosed_string_full_of_quotes_costs_one_pass():
    # Each escaped quote would be a new start for a scan that looks for closed strings.
    steps = strict._STRING.scanner('"' + '\\"' * 8000)
    assert steps.search().end() == 16001
    assert steps.search() is None


@pytest.mark.parametrize("value", [None, 7, b"abc", ["a"], {}])
def test_a_token_that_is_no_text_is_a_fault_too(value):
    with pytest.raises(jws.Fault, match="form"):
        jws.read(value)


@UNHURRIED
@given(st.binary(max_size=200))
def test_base64url_decodes_what_it_encoded(raw):
    assert strict.decode(strict.encode(raw)) == raw


@UNHURRIED
@given(st.text("ABQgw_-09az", max_size=12))
def test_base64url_text_that_decodes_is_the_one_encoding_of_its_bytes(text):
    try:
        raw = strict.decode(text.encode())
    except ValueError:
        return
    assert strict.encode(raw).decode() == text


def test_the_header_cache_keeps_no_fault_and_tells_headers_apart():
    for _ in range(2):
        assert refusal(f"{part({'alg': 'none'})}.{P}.{S}") == "alg"
    other = jwk.KeySet([KEY.key])
    assert jws.verify(jws.read(HONEST), other, frozenset({"ES256"}), jws.ID_TOKEN) == CLAIMS
