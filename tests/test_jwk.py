"""Key sets of others: which keys may verify, and to which algorithm each is bound."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from grantd import jwk, weak_keys
from grantd.strict import Fault
from tokens import UNHURRIED, b64, jwks, signing_key

EC = signing_key("ES256").jwk
RSA = signing_key("RS256").jwk
OKP = signing_key("EdDSA").jwk


def uint(number: int, size: int = 0) -> str:
    return b64(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


def number(text: str) -> int:
    return int.from_bytes(jwk.strict.decode_text(text), "big")


def without(key, *names):
    return {name: value for name, value in key.items() if name not in names}


N = number(RSA["n"])
SHORT = N >> 1024 | 1
ROCA_PRODUCT = 2
for _prime in weak_keys._ROCA_PRIMES:
    ROCA_PRODUCT *= _prime
# What the faulty generator's primes multiply to: a power of 65537 modulo the product.
ROCA = pow(65537, 123456789, ROCA_PRODUCT) + ROCA_PRODUCT * ((1 << 2047) // ROCA_PRODUCT + 1)
K1 = ec.generate_private_key(ec.SECP256K1()).public_key().public_numbers()
P224 = ec.generate_private_key(ec.SECP224R1()).public_key().public_numbers()
P384 = signing_key("ES384").jwk


@pytest.mark.req("G-03", "G-04")
@pytest.mark.hostile("J18", "J19", "J37")
@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("text", "not an object"),
        ([], "not an object"),
        (None, "not an object"),
        ({}, "an unsupported kind of key"),
        ({"kty": "oct", "k": b64(b"s" * 32), "kid": "k"}, "a symmetric key"),
        (EC | {"k": b64(b"s" * 32)}, "a published private key"),
        *[(EC | {name: "AQ"}, "a published private key") for name in ("d", "p", "q", "dp", "dq", "qi", "oth")],
        (EC | {"d": None}, "a published private key"),
        *[(EC | {"use": use}, "use is not sig") for use in ("enc", "", None, "SIG", ["sig"], 1)],
        *[(EC | {"key_ops": ops}, "key_ops has no verify") for ops in (["sign"], [], ["encrypt"], None, "verify", [[]])],
        *[(EC | {"kid": kid}, "kid is not a short text") for kid in (None, 1, "", "k" * 257, "a\0", "a\u202e", [], {})],
        (RSA | {"n": uint(SHORT)}, "RSA modulus outside 2048 to 8192 bits"),
        (RSA | {"n": uint((1 << 8192) + 1)}, "RSA modulus outside 2048 to 8192 bits"),
        (RSA | {"n": uint(ROCA)}, "RSA modulus of a faulty generator (ROCA, CVE-2017-15361)"),
        *[
            (RSA | {"e": uint(e)}, "RSA exponent is even, below 65537 or above 32 bits")
            for e in (1, 3, 17, 65535, 65536, 65538, (1 << 33) + 1)
        ],
        *[(RSA | {name: bad}, "the key cannot be read") for name in "ne" for bad in ("", "=", "A", "AB=", "AQ\nAB", "AQ!AB", 1, None, "\u212a")],
        (without(RSA, "n"), "the key cannot be read"),
        (EC | {"x": uint(1, 32)}, "the key cannot be read"),
        (EC | {"x": uint(number(EC["x"]), 33)}, "a coordinate has the wrong length"),
        (EC | {"y": b64(b"\0" * 31)}, "a coordinate has the wrong length"),
        (EC | {"x": b64(b"\xff" * 32)}, "the key cannot be read"),
        (without(EC, "y"), "the key cannot be read"),
        (EC | {"crv": "P-384"}, "a coordinate has the wrong length"),
        (EC | {"crv": "P-224", "x": uint(P224.x, 28), "y": uint(P224.y, 28)}, "an unsupported kind of key"),
        (EC | {"crv": "secp256k1", "x": uint(K1.x, 32), "y": uint(K1.y, 32)}, "an unsupported kind of key"),
        *[(EC | {"crv": crv}, "an unsupported kind of key") for crv in ("", "p-256", None, 1, [])],
        (OKP | {"crv": "Ed448"}, "an unsupported kind of key"),
        *[(OKP | {"kty": kty}, "an unsupported kind of key") for kty in ("EC", "okp", None)],
        (OKP | {"crv": "X25519"}, "an unsupported kind of key"),
        (OKP | {"x": b64(b"\5" * 31)}, "not a point of the large Ed25519 group"),
        *[(EC | {"kty": kty}, "an unsupported kind of key") for kty in ("ec", "AKP", None, [], 1)],
        *[(EC | {"alg": alg}, "alg does not fit the key") for alg in ("ES512", "ES384", "RS256", "HS256", "none", "", None, [], 1)],
        *[(OKP | {"alg": alg}, "alg does not fit the key") for alg in ("HS256", "ES256", "RS256", "Ed448", "none")],
        (EC | {"alg": "EdDSA"}, "alg does not fit the key"),
        (RSA | {"alg": "EdDSA"}, "alg does not fit the key"),
        (RSA | {"alg": "RSA-OAEP"}, "alg does not fit the key"),
        (RSA | {"alg": "ES256"}, "alg does not fit the key"),
        (P384 | {"alg": "ES256"}, "alg does not fit the key"),
    ],
)  # fmt: skip
def test_an_unfit_key_is_dropped_with_its_reason_and_the_others_stay(key, reason):
    good = signing_key("ES384", kid="good")
    keys = jwk.read_jwks(json.dumps({"keys": [key, good.jwk]}), default_algs=("RS256",))
    assert keys.dropped == (reason,)
    assert [kept.kid for kept in keys.keys] == ["good"]


@pytest.mark.parametrize("order", [1, -1])
def test_two_keys_with_one_kid_both_go(order):
    other = signing_key("ES384", kid=EC["kid"]).jwk
    keys = jwk.read_jwks(jwks(*[EC, other, RSA][::order]), default_algs=())
    assert [key.kid for key in keys.keys] == [RSA["kid"]]
    assert keys.dropped == ("the kid is repeated",) * 2


def test_a_key_goes_when_the_private_half_is_published_under_the_same_kid():
    keys = jwk.read_jwks(jwks(EC, EC | {"d": EC["x"]}), default_algs=())
    assert not keys.keys


def test_an_encryption_key_may_have_the_kid_of_a_signature_key():
    keys = jwk.read_jwks(jwks(RSA | {"use": "enc", "alg": "RSA-OAEP"}, RSA), default_algs=())
    assert [key.kid for key in keys.keys] == [RSA["kid"]]


def test_keys_beyond_the_cap_are_not_read():
    many = [EC | {"kid": f"k{i}"} for i in range(70)]
    keys = jwk.read_jwks({"keys": many}, default_algs=())
    assert len(keys.keys) == 64
    assert "k64" not in keys
    assert keys.dropped == ("6 keys beyond the first 64",)
    assert jwk.read_jwks({"keys": many[:64]}, default_algs=()).dropped == ()


def test_a_kid_may_have_256_characters():
    assert "k" * 256 in jwk.read_jwks(jwks(EC | {"kid": "k" * 256}), default_algs=())


@pytest.mark.req("G-03")
@pytest.mark.parametrize(
    ("default_algs", "alg"),
    [
        (["PS256"], "PS256"),
        (["RS512", "ES256"], "RS512"),
        (["RS256", "PS256"], "RS256"),
        (["RS384", "PS256"], None),
        (["ES256"], None),
        ([], None),
    ],
)
def test_an_rsa_key_without_alg_is_bound_to_one_algorithm_that_its_owner_may_use(default_algs, alg):
    keys = jwk.read_jwks(jwks(without(RSA, "alg")), default_algs=default_algs)
    assert [key.alg for key in keys.keys] == ([alg] if alg else [])


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512", "EdDSA"])
def test_a_key_of_a_curve_without_alg_is_bound_by_its_curve(alg):
    keys = jwk.read_jwks(jwks(without(signing_key(alg).jwk, "alg", "use")), default_algs=())
    assert [key.alg for key in keys.keys] == [alg]


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"keys":{}}',
        '{"keys":null}',
        '{"keys":[],"keys":[]}',
        "<html></html>",
        '{"keys":[',
        "\ud800",
    ],
)
def test_a_document_that_is_no_key_set_is_a_fault(document):
    with pytest.raises(Fault) as caught:
        jwk.read_jwks(document, default_algs=())
    assert caught.value.check == "jwks"


@pytest.mark.req("G-15")
@UNHURRIED
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=5)
        | st.sampled_from(["RSA", "EC", "OKP", "P-256", "sig", "AQAB"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["keys", "kty", "crv", "x", "y", "n", "e", "kid", "use", "alg", "key_ops"]),
                inner,
                max_size=8,
            )
        ),
    )
)
def test_any_json_is_a_key_set_or_a_fault(value):
    for document in (value, {"keys": [value]}, {"keys": value}):
        try:
            keys = jwk.read_jwks(json.dumps(document), default_algs=("RS256",))
        except Fault:
            continue
        assert all(jwk.fits(key.public, key.alg) for key in keys.keys)


@pytest.mark.req("E-17")
@pytest.mark.hostile("K17")
@pytest.mark.parametrize("alg", sorted(jwk.ALGORITHMS))
def test_a_published_key_has_public_members_only_and_reads_back_as_itself(alg):
    key = signing_key(alg)
    published = key.jwk
    assert set(published) <= {"kid", "alg", "use", "kty", "crv", "x", "y", "n", "e"}
    assert jwk.read_jwks(jwks(key), default_algs=()).keys == (key.key,)


def test_a_key_cannot_be_bound_to_or_published_for_an_algorithm_that_does_not_fit():
    public = signing_key("ES256").private.public_key()
    with pytest.raises(ValueError, match="cannot be used"):
        jwk.Key("k", "ES512", public)
    with pytest.raises(ValueError, match="cannot be used"):
        jwk.public_jwk(public, "k", "RS256")
    with pytest.raises(ValueError, match="cannot be used"):
        jwk.Key("k", "RS256", rsa.RSAPublicNumbers(65537, SHORT).public_key())


def test_a_set_of_ours_with_a_repeated_kid_is_a_mistake():
    key = signing_key().key
    with pytest.raises(ValueError, match="same kid"):
        jwk.KeySet([key, key])


def test_a_withdrawn_key_leaves_the_set_and_the_others_stay():
    one, two = signing_key().key, signing_key("RS256").key
    keys = jwk.KeySet([one, two])
    assert keys.without({one.kid, "another"}).keys == (two,)
    assert keys.without({"another"}) is keys


def test_the_thumbprint_is_that_of_rfc_7638_section_3_1():
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhM"
        "stn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5ha"
        "jrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    key = {"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert jwk.thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
