"""Pure checks on request parameters and claims. No I/O, no clock, no policy."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from grantd import claims as read
from grantd.jws import Fault
from grantd_server.model.bundle.rules import SignIn

if TYPE_CHECKING:
    from collections.abc import Mapping

GRANT_TYPE_TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
"""RFC 8693 section 2.1."""
GRANT_TYPE_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
"""RFC 7523 section 2.1."""
GRANT_TYPE_REFRESH_TOKEN = "refresh_token"
"""RFC 6749 section 6."""
GRANT_TYPE_JWT_DPOP = "urn:ietf:params:oauth:grant-type:jwt-dpop"
"""The example of draft-ietf-oauth-identity-assertion-authz-grant-03 section 8.6.1."""
GRANT_PROFILE_ID_JAG = "urn:ietf:params:oauth:grant-profile:id-jag"
TOKEN_TYPE_ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
TOKEN_TYPE_ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
TOKEN_TYPE_SAML2 = "urn:ietf:params:oauth:token-type:saml2"
TOKEN_TYPE_REFRESH_TOKEN = "urn:ietf:params:oauth:token-type:refresh_token"
RENEWAL_SCOPES = frozenset({"openid", "offline_access"})
"""All that a refresh token may be asked for with. It carries no scope of a resource:
policy decides at each exchange what it is good for."""
CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
"""RFC 7523 section 2.2."""

JWT_TYPE_ID_JAG = "oauth-id-jag+jwt"
JWT_TYPE_ACCESS_TOKEN = "at+jwt"
"""RFC 9068 section 2.1."""

LONGEST_SCOPE = 4096
"""Characters of one `scope` parameter; names are looked up one by one after that."""

CHAIN = re.compile(r"[0-9a-f]{64}")
"""How a chain is named, see `chain_of`."""

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


def token_endpoint(issuer: str) -> str:
    """The URL at which an issuer of ours takes token requests: what its metadata says and
    what a DPoP proof must name. Never from a Host header."""
    return f"{issuer.rstrip('/')}/token"


def digest(text: str) -> bytes:
    """SHA-256 of an identifier as UTF-8: how a `jti` is kept (G-19)."""
    return hashlib.sha256(text.encode()).digest()


def lacking_claims(required: Mapping[str, frozenset[str]], claims: Mapping[str, object]) -> list[str]:
    """The claims that have none of the values that are required of them."""
    return [name for name, values in required.items() if values.isdisjoint(_texts(claims.get(name)))]


def _texts(raw: object) -> frozenset[str]:
    values = raw if isinstance(raw, list) else [raw]
    return frozenset(value for value in values if isinstance(value, str))


def chain_of(iss: str, jti: str) -> str:
    """The id of the chain that an ID-JAG begins: a SHA-256 in hex, whose bytes are what
    a tombstone of the whole chain is found by.

    The length of `iss` is part of the input, so that no two pairs collide by moving
    characters from one to the other.
    """
    return hashlib.sha256(f"{len(iss)}:{iss}:{jti}".encode()).hexdigest()


def sign_in(claims: Mapping[str, object]) -> SignIn:
    """The authentication event, copied only when known (A-61). Providers send
    `auth_time` as an integer, as a float, or as 0 for not known."""
    auth_time = read.date(claims, "auth_time") if claims.get("auth_time") else None
    amr = claims.get("amr")
    known_amr = isinstance(amr, list) and all(isinstance(method, str) and method.isprintable() for method in amr)
    return SignIn(
        acr=read.optional_text(claims, "acr"),
        amr=tuple(amr) if isinstance(amr, list) and known_amr else None,
        auth_time=None if auth_time is None else int(auth_time),
    )


def sign_in_claims(event: SignIn) -> dict[str, object]:
    """The claims that carry a sign-in on, only those that are known."""
    claims: dict[str, object] = {}
    if event.auth_time is not None:
        claims["auth_time"] = event.auth_time
    if event.acr is not None:
        claims["acr"] = event.acr
    if event.amr is not None:
        claims["amr"] = list(event.amr)
    return claims


def one_or_many(values: tuple[str, ...]) -> str | list[str]:
    """How `aud` and `resource` are written: a string for one, an array for several."""
    return values[0] if len(values) == 1 else list(values)


def one_or_several(claims: Mapping[str, object], name: str, limit: int) -> tuple[str, ...]:
    """Reads what `one_or_many` writes; absent is none.

    Raises:
        Fault: another type, an empty or malformed text, an empty list.
    """
    if name not in claims:
        return ()
    if isinstance(claims[name], str):
        return (read.text(claims, name, limit),)
    found = read.text_list(claims, name, limit)
    if not found:
        raise Fault(f"claim:{name}", "a text or a list of texts", "an empty list")
    return found
