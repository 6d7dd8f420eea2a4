"""Pure checks on request parameters. No I/O, no clock, no policy."""

from __future__ import annotations

import hashlib
import re

GRANT_TYPE_TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
"""RFC 8693 section 2.1."""
GRANT_TYPE_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
"""RFC 7523 section 2.1."""
GRANT_PROFILE_ID_JAG = "urn:ietf:params:oauth:grant-profile:id-jag"
TOKEN_TYPE_ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
TOKEN_TYPE_ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523 section 2.2."""

LONGEST_SCOPE = 4096
"""Characters of one `scope` parameter; names are looked up one by one after that."""

_SCOPE_NAME = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


def scope_names(raw_scope: str) -> tuple[str, ...]:
    """Splits a scope string on single spaces (RFC 6749 section 3.3), repeats dropped.

    Raises:
        ValueError: an empty name (two spaces, or one at an end), a character that
            the grammar forbids, or more than `LONGEST_SCOPE` characters.
    """
    if len(raw_scope) > LONGEST_SCOPE:
        raise ValueError("scope is too long")
    names = raw_scope.split(" ")
    for name in names:
        if _SCOPE_NAME.fullmatch(name) is None:
            raise ValueError("scope has a malformed name")
    return tuple(dict.fromkeys(names))


def digest(text: str) -> bytes:
    """SHA-256 of an identifier as UTF-8: how a `jti` is kept (G-19)."""
    return hashlib.sha256(text.encode()).digest()


def chain_of(iss: str, jti: str) -> str:
    """The id of the chain that an ID-JAG begins: 128 bits of a hash, in hex.

    The length of `iss` is part of the input, so that no two pairs collide by moving
    characters from one to the other.
    """
    return hashlib.sha256(f"{len(iss)}:{iss}:{jti}".encode()).hexdigest()[:32]
