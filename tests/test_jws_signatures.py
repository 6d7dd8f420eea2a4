"""Signature values that are no signatures, and encodings that are not JOSE's."""

from __future__ import annotations

from itertools import product

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from grantd import jwk, jws, strict, weak_keys
from tokens import b64, jwks, key_set, signature_of, signing_key, with_signature

CLAIMS = {"sub": "alice"}
ORDERS = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": int(
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16
    ),
}
P256_FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1
ED25519_FIELD = 2**255 - 19
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def accepted(token, *keys) -> bool:
    algs = frozenset(key.alg for key in keys)
    parsed = jws.read(token)
    try:
        jws.verify(parsed, key_set(*keys), algs, jws.ID_TOKEN)
    except jws.Fault as fault:
        if fault.check == "signature":
            return False
        raise
    return True


N = ORDERS["ES256"]
SPECIAL = [0, 1, 2, N // 2, N - 1, N, N + 1, P256_FIELD - N, P256_FIELD, 2**256 - 1]


@pytest.mark.hostile("J20")
@pytest.mark.parametrize(("r", "s"), list(product(SPECIAL, SPECIAL)))
def test_special_values_of_r_and_s_are_no_es256_signature(r, s):
    key = signing_key()
    assert not accepted(with_signature(key.sign(CLAIMS), r.to_bytes(32, "big") + s.to_bytes(32, "big")), key)


@pytest.mark.hostile("J20")
@pytest.mark.parametrize("alg", ORDERS)
def test_an_honest_r_or_s_beside_a_special_value_or_moved_by_the_group_order_is_refused(alg):
    key = signing_key(alg)
    token = key.sign(CLAIMS)
    raw = signature_of(token)
    size = len(raw) // 2
    r, s = int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big")
    order = ORDERS[alg]
    for one, two in [(r, 0), (0, s), (r, order), (order, s), (s, r), (r, s ^ 1), (r ^ 1, s), (order - r, s)]:
        assert not accepted(with_signature(token, one.to_bytes(size, "big") + two.to_bytes(size, "big")), key)
    for one, two in [(r + order, s), (r, s + order), (r + (1 << 8 * size), s)]:
        assert not accepted(with_signature(token, one.to_bytes(size + 1, "big") + two.to_bytes(size + 1, "big")), key)
    assert accepted(token, key)


@pytest.mark.hostile("J21")
@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512"])
def test_der_and_every_other_length_are_refused(alg):
    key = signing_key(alg)
    token = key.sign(CLAIMS)
    raw = signature_of(token)
    size = len(raw) // 2
    der = encode_dss_signature(int.from_bytes(raw[:size], "big"), int.from_bytes(raw[size:], "big"))
    wrong = [der, raw[:-1], raw[1:], raw + b"\0", b"\0" + raw, raw + raw, raw + bytes(64), bytes(len(raw)), raw[:size]]
    wrong.append(b"\0" + raw[:size] + b"\0" + raw[size:])
    assert not any(accepted(with_signature(token, signature), key) for signature in wrong)
    assert accepted(token, key)


@pytest.mark.hostile("J22")
def test_a_malleable_eddsa_signature_is_refused():
    key = signing_key("EdDSA")
    token = key.sign(CLAIMS)
    raw = signature_of(token)
    point, scalar = raw[:32], int.from_bytes(raw[32:], "little")
    moved = [scalar + factor * ED25519_ORDER for factor in range(1, 8) if scalar + factor * ED25519_ORDER < 2**256]
    assert moved
    for other in [*moved, 0, ED25519_ORDER, ED25519_ORDER - scalar, 2**256 - 1]:
        assert not accepted(with_signature(token, point + other.to_bytes(32, "little")), key)
    for y in [0, 1, ED25519_FIELD, ED25519_FIELD + 1, 2**255 - 1]:  # R of small order or not canonical
        for sign in (0, 1 << 255):
            assert not accepted(with_signature(token, (y | sign).to_bytes(32, "little") + raw[32:]), key)
    assert not any(accepted(with_signature(token, other), key) for other in (raw[:-1], raw + b"\0", bytes(64)))
    assert accepted(token, key)


def ed25519_doubled(point):
    """Twice a point of the Edwards curve, affine; RFC 8032 section 5.1.4."""
    x, y = point
    d = -121665 * pow(121666, -1, ED25519_FIELD)
    product_ = d * x * x * y * y
    return (
        2 * x * y * pow(1 + product_, -1, ED25519_FIELD) % ED25519_FIELD,
        (y * y + x * x) * pow(1 - product_, -1, ED25519_FIELD) % ED25519_FIELD,
    )


def ed25519_x(y):
    d = -121665 * pow(121666, -1, ED25519_FIELD)
    square = (y * y - 1) * pow(d * y * y + 1, -1, ED25519_FIELD) % ED25519_FIELD
    root = pow(square, (ED25519_FIELD + 3) // 8, ED25519_FIELD)
    if root * root % ED25519_FIELD != square:
        root = root * pow(2, (ED25519_FIELD - 1) // 4, ED25519_FIELD) % ED25519_FIELD
    assert root * root % ED25519_FIELD == square
    return root


@pytest.mark.hostile("J22")
def test_the_refused_ed25519_keys_are_the_points_of_small_order():
    for y in weak_keys._SMALL_ORDER:
        point = (ed25519_x(y), y)
        for _ in range(3):
            point = ed25519_doubled(point)
        assert point == (0, 1)
    # Eight points have an order that divides 8; x = 0 has one sign, others have two.
    assert sum(1 if ed25519_x(y) == 0 else 2 for y in weak_keys._SMALL_ORDER) == 8


@pytest.mark.hostile("J22")
def test_a_key_under_which_one_signature_fits_every_message_is_dropped():
    identity = b"\1" + bytes(31)
    forgery = identity + bytes(32)
    ed25519.Ed25519PublicKey.from_public_bytes(identity).verify(forgery, b"any message")  # the library takes it
    for y in (1, 0, ED25519_FIELD - 1, ED25519_FIELD, ED25519_FIELD + 1):
        for sign in (0, 1 << 255):
            raw = (y | sign).to_bytes(32, "little")
            keys = jwk.read_jwks(jwks({"kty": "OKP", "crv": "Ed25519", "kid": "k", "x": b64(raw)}), default_algs=())
            assert not keys.keys
            assert keys.dropped == ("not a point of the large Ed25519 group",)


@pytest.mark.parametrize("alg", ["RS256", "PS256", "RS512", "PS384"])
def test_rsa_signatures_of_another_length_or_outside_the_modulus_are_refused(alg):
    key = signing_key(alg)
    token = key.sign(CLAIMS)
    raw = signature_of(token)
    modulus = key.private.public_key().public_numbers().n
    moved = int.from_bytes(raw, "big") + modulus
    wrong = [raw[1:], raw[:-1], b"\0" + raw, raw + b"\0", bytes(256), b"\0" * 255 + b"\1", b"\xff" * 256]
    wrong.append(moved.to_bytes(257, "big").lstrip(b"\0"))
    assert not any(accepted(with_signature(token, signature), key) for signature in wrong)
    assert accepted(token, key)


def test_each_bit_of_a_signature_counts():
    key = signing_key()
    token = key.sign(CLAIMS)
    raw = signature_of(token)
    for bit in range(0, 8 * len(raw), 7):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        assert not accepted(with_signature(token, bytes(changed)), key)
    assert strict.encode(raw).decode() == token.rpartition(".")[2]
