"""Refusals of the token layer that another one stands behind: each is tried by itself."""

from __future__ import annotations

import pytest

from grantd import jwk, jws, strict, weak_keys
from grantd.strict import Fault
from tokens import b64, part, signing_key

KEY = signing_key("ES256")
CLAIMS = {"sub": "u-1"}


def token(**header: object) -> str:
    return f"{part({'alg': 'ES256', **header})}.{part(CLAIMS)}.{b64(b's' * 64)}"


@pytest.mark.req("G-05")
@pytest.mark.parametrize("kid", ["", "k" * (jwk.LONGEST_KID + 1), "a\u202eb", "a\x00b", 7, None, ["k"]])
def test_a_hostile_kid_is_refused_before_any_key_is_looked_up(kid: object) -> None:
    with pytest.raises(Fault) as fault:
        jws.read(token(kid=kid))

    assert fault.value.check == "kid"


@pytest.mark.req("G-10")
@pytest.mark.parametrize("typ", ["at+jwt\u017f", "\u212awt", 7, None, ["at+jwt"]])
def test_a_typ_that_is_no_ascii_text_is_refused_before_it_is_compared(typ: object) -> None:
    with pytest.raises(Fault) as fault:
        jws.read(token(typ=typ))

    assert fault.value.check == "typ"


def test_the_payload_of_another_key_is_not_given_out() -> None:
    impostor = signing_key("ES256", kid="impostor")
    keys = jwk.KeySet([jwk.Key(impostor.kid, "ES256", KEY.private.public_key())])

    with pytest.raises(Fault) as fault:
        jws.verify_compact(impostor.sign(CLAIMS, "at+jwt"), keys, frozenset({"ES256"}), jws.ACCESS_TOKEN)

    assert fault.value.check == "signature"


def test_one_key_without_a_name_verifies_tokens_without_kid() -> None:
    nameless = {name: value for name, value in KEY.jwk.items() if name != "kid"}
    keys = jwk.read_jwks({"keys": [nameless]}, default_algs={"ES256"})

    unnamed = KEY.sign_raw({"alg": "ES256", "typ": "at+jwt"}, CLAIMS)
    verified = jws.verify(jws.read(unnamed), keys, frozenset({"ES256"}), jws.ACCESS_TOKEN)

    assert verified == CLAIMS
    assert None not in keys


def test_two_keys_without_a_name_are_kept_and_neither_is_guessed() -> None:
    keys = jwk.KeySet([jwk.Key(None, "ES256", signing_key("ES256", kid).private.public_key()) for kid in ("a", "b")])

    with pytest.raises(Fault) as fault:
        keys.find(None, "ES256")

    assert fault.value.got == "no kid and 2 such keys"


@pytest.mark.req("G-04")
def test_a_short_rsa_key_of_ours_fits_no_algorithm() -> None:
    short = signing_key("RS256", kid="short", bits=1024).private

    assert not jwk.fits(short, "RS256")
    assert not jwk.fits(short.public_key(), "PS256")
    with pytest.raises(ValueError, match="RS256"):
        jws.sign_with(short, "RS256", b"data")


@pytest.mark.parametrize("kty", ["EC", "oKP", None, 7])
def test_an_ed25519_point_in_a_key_of_another_kind_is_not_read(kty: object) -> None:
    keys = jwk.read_jwks({"keys": [{**signing_key("EdDSA").jwk, "kty": kty}]}, default_algs={"EdDSA"})

    assert not keys.keys
    assert keys.dropped == ("an unsupported kind of key",)


@pytest.mark.parametrize("text", ["AQ!!AB!!", "AQAB\n\n\n\n", "AQ==AQ==", "+/+/", "", "\u0661\u0662", 7, None])
def test_text_outside_the_alphabet_of_base64url_is_no_number(text: object) -> None:
    # The decoder of the standard library drops such characters.
    with pytest.raises(ValueError, match="base64url"):
        strict.decode_text(text)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_an_ed25519_point_has_32_bytes(length: int) -> None:
    assert weak_keys.weak_ed25519(bytes([9] * length)) is not None
    assert weak_keys.weak_ed25519(bytes([9] * 32)) is None


@pytest.mark.req("G-16")
@pytest.mark.parametrize("alg", ["RSA1_5", "RSA-OAEP-256", "PBES2-HS256+A128KW", "dir", "ECDH-ES"])
def test_an_encrypted_token_is_no_token(alg: str) -> None:
    header = part({"alg": alg, "enc": "A256GCM", "kid": KEY.kid})

    with pytest.raises(Fault) as fault:
        jws.read(".".join([header, b64(b"k" * 32), b64(b"i" * 12), b64(b"c" * 64), b64(b"t" * 16)]))

    assert (fault.value.check, fault.value.got) == ("form", "5 parts")
    with pytest.raises(Fault) as fault:
        jws.read(".".join([header, part(CLAIMS), b64(b"t" * 16)]))

    assert fault.value.check == "alg"
