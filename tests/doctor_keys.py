"""Test support: the keys of the doctor's world, by the names that the lists of faults have for them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from tokens import SigningKey, signing_key

SHORT_RSA = (
    "z6LBC4bDGsZ7R3iCKm0wWmIDQKLvDyZhmrtbr6wVrcvgyoLEWbTMXyqUXaKeYXp1n33jMmqOBgsx1WSWA5mxXmlHnbGjzlCnvTSbQ5Ar"
    "qqDRTmVeUr1rqoBxm1hJ7d6lD1NOnEPa3MCwB4xc4Hy2wQw0X7PZ5Y0g7bK3oQY2hqk"
)


def _keys() -> dict[str, dict[str, Any]]:
    issuer, server = signing_key("ES256", "issuer-1"), signing_key("ES256", "server-1")
    idp, other = signing_key("RS256", "idp-1"), signing_key("ES256", "issuer-2")
    other_rsa = signing_key("RS256", "idp-2")
    return {
        "idp": idp.jwk,
        "issuer": issuer.jwk,
        "server": server.jwk,
        "issuer-next": other.jwk,
        "server-next": signing_key("ES256", "server-2").jwk,
        "other-rsa": other_rsa.jwk,
        "edwards": signing_key("EdDSA", "edwards").jwk,
        "issuer-again": {**other.jwk, "kid": "issuer-1"},
        "server-again": {**other.jwk, "kid": "server-1"},
        "nameless": {name: value for name, value in other.jwk.items() if name != "kid"},
        "private": {**other.jwk, "kid": "private", "d": "AAAA"},
        "symmetric": {"kty": "oct", "kid": "shared", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "alg": "HS256"},
        "short": {"kty": "RSA", "kid": "short", "alg": "RS256", "use": "sig", "e": "AQAB", "n": SHORT_RSA},
        "short-real": {**_wide(1024), "kid": "idp-1"},
        "misfit": {**other.jwk, "kid": "misfit", "alg": "RS256"},
        "encryption": {**other.jwk, "kid": "encryption", "use": "enc"},
        "oaep": {**other_rsa.jwk, "use": "enc", "alg": "RSA-OAEP"},
        "oaep-without-use": {
            **{name: value for name, value in other_rsa.jwk.items() if name != "use"},
            "alg": "RSA-OAEP-256",
        },
        "agreement": {"kty": "OKP", "crv": "X25519", "kid": "agreement", "alg": "ECDH-ES", "x": "A" * 43},
        "broken": {**other.jwk, "kid": "broken", "x": "AAAA"},
        "certified": {**idp.jwk, "x5c": [_certificate(idp, days=300)]},
        "certified-expired": {**idp.jwk, "x5c": [_certificate(idp, days=-3)]},
        "certified-other": {**idp.jwk, "x5c": [_certificate(other_rsa, days=300)]},
    }


def _wide(bits: int) -> dict[str, Any]:
    """An RSA key of any width, which `jwk.public_jwk` may refuse to write."""
    number = signing_key("RS256", f"rsa-{bits}", bits).private.public_key().public_numbers().n  # type: ignore[union-attr]  # RSA by its algorithm
    text = base64.urlsafe_b64encode(number.to_bytes(bits // 8)).rstrip(b"=").decode()
    return {"kty": "RSA", "alg": "RS256", "use": "sig", "e": "AQAB", "n": text}


@cache
def _certificate(key: SigningKey, *, days: int) -> str:
    """A certificate of the key by itself, as `x5c` has it, that ends in so many days."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "login.corp.example")])
    ends = datetime.now(UTC) + timedelta(days=days)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.private.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(ends - timedelta(days=400)).not_valid_after(ends)
    signed = builder.sign(key.private, hashes.SHA256())  # type: ignore[arg-type]  # RSA by its algorithm
    return base64.b64encode(signed.public_bytes(serialization.Encoding.DER)).decode()


KEYS = _keys()
