"""Test support: keys of every algorithm, honest tokens, and tokens that no library would make."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import HealthCheck, settings

from grantd import jwk, jws

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = 1_795_000_000
"""The wall clock of tests that need one."""

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For drawn input: how fast a busy machine draws it is not what is tested."""

_CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}


@dataclass(frozen=True)
class SigningKey:
    """A key pair of one algorithm and the kid it is known by."""

    kid: str
    alg: str
    private: jwk.PrivateKey

    @property
    def key(self) -> jwk.Key:
        return jwk.Key(self.kid, self.alg, self.private.public_key())

    @property
    def jwk(self) -> dict[str, str]:
        return jwk.public_jwk(self.private.public_key(), self.kid, self.alg)

    def sign(self, claims: Mapping[str, Any], typ: str | None = None) -> str:
        """A token as an honest issuer makes it."""
        data = jws.signing_input(claims, alg=self.alg, kid=self.kid, typ=typ)
        return jws.compact(data, jws.sign_with(self.private, self.alg, data))

    def sign_raw(self, header: object, payload: object) -> str:
        """A validly signed token of any header and payload: values, or bytes taken as they are."""
        data = f"{part(header)}.{part(payload)}"
        return f"{data}.{b64(jws.sign_with(self.private, self.alg, data.encode()))}"


@cache
def signing_key(alg: str = "ES256", kid: str | None = None, bits: int = 2048) -> SigningKey:
    """The key pair of this test process for an algorithm and a kid."""
    return SigningKey(kid or f"test-{alg}", alg, _private(alg, bits))


def _private(alg: str, bits: int) -> jwk.PrivateKey:
    if alg in _CURVES:
        return ec.generate_private_key(_CURVES[alg]())
    if alg == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def key_set(*keys: SigningKey) -> jwk.KeySet:
    return jwk.KeySet(key.key for key in keys)


def jwks(*keys: SigningKey | Mapping[str, Any]) -> str:
    """A JWK Set as JSON text, of key pairs or of hand-made keys."""
    return json.dumps({"keys": [key.jwk if isinstance(key, SigningKey) else dict(key) for key in keys]})


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def part(value: object) -> str:
    """One segment: bytes as they are, anything else as compact JSON."""
    return b64(value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode())


def unsigned(header: object, payload: object, signature: bytes = b"") -> str:
    return f"{part(header)}.{part(payload)}.{b64(signature)}"


def hmac_signed(header: Mapping[str, Any], payload: object, secret: bytes) -> str:
    """A token under HS256, HS384 or HS512 with any bytes as its secret."""
    data = f"{part(header)}.{part(payload)}"
    digest = hmac.new(secret, data.encode(), getattr(hashlib, f"sha{header['alg'][2:]}")).digest()
    return f"{data}.{b64(digest)}"


def with_signature(token: str, signature: bytes) -> str:
    """The same token under another signature."""
    return f"{token.rpartition('.')[0]}.{b64(signature)}"


def signature_of(token: str) -> bytes:
    tail = token.rpartition(".")[2]
    return base64.urlsafe_b64decode(tail + "=" * (-len(tail) % 4))
