"""Seals bytes under a token that only its holder has: a copy of the database without
the token tells nothing of the person."""

from __future__ import annotations

import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_PURPOSE = b"grantd: the sign-in behind a refresh token, 1"
"""Another input than the SHA-256 that the token is found by: the hash opens nothing."""
_NONCE = 12


class Unsealable(Exception):
    """The bytes were not sealed under this token, or were changed since."""


def seal(raw_token: str, plain: bytes) -> bytes:
    """Encrypts with AES-256-GCM under a key that is derived from the token."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(_key(raw_token)).encrypt(nonce, plain, None)


def unseal(raw_token: str, sealed: bytes) -> bytes:
    """Decrypts what `seal` made.

    Raises:
        Unsealable: another token, or other bytes.
    """
    try:
        return AESGCM(_key(raw_token)).decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
    except (InvalidTag, ValueError):
        raise Unsealable from None


def _key(raw_token: str) -> bytes:
    return hmac.digest(raw_token.encode(), _PURPOSE, "sha256")
