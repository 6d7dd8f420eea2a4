"""The kinds of JSON Web Tokens in an enterprise: for each one the first reason why a
token is none of it. Nothing is verified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of token, as its specification tells it apart."""

    name: str
    about: str
    types: tuple[str, ...]
    """Values of `typ`; an empty one where it may be left out."""
    claims: tuple[str, ...]
    """That it must have."""
    never: tuple[str, ...] = ()
    """Claims that only other kinds have."""
    header: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    """Claims of which it must have one."""
    self_issued: bool = False


KINDS: Final = (
    Kind("ID-JAG", "an ID-JAG: a grant, to be redeemed for an access token", ("oauth-id-jag+jwt",),
         ("iss", "sub", "aud", "client_id", "jti", "exp", "iat")),
    Kind("access token", "an access token (RFC 9068)", ("at+jwt",),
         ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")),
    Kind("ID token", "an ID token: it tells of a sign-in", ("", "jwt"),
         ("iss", "sub", "aud", "exp", "iat"), never=("scope", "scp", "events", "client_id")),
    Kind("client assertion", "a client assertion (RFC 7523)", ("client-authentication+jwt", "jwt", ""),
         ("iss", "sub", "aud", "exp", "jti"), never=("scope", "nonce", "events"), self_issued=True),
    Kind("DPoP proof", "a DPoP proof (RFC 9449)", ("dpop+jwt",),
         ("jti", "htm", "htu", "iat"), header=("jwk",)),
    Kind("logout token", "a logout token (OpenID Connect Back-Channel Logout)", ("logout+jwt", "jwt", ""),
         ("iss", "aud", "iat", "jti", "events"), never=("nonce",)),
    Kind("security event", "a security event token (RFC 8417)", ("secevent+jwt",), ("iss", "iat", "jti", "events")),
    Kind("access token of a provider", "an access token in its provider's own shape, which is no RFC 9068", ("", "jwt"),
         ("iss", "exp"), never=("events", "nonce"), one_of=("scp", "scope", "appid", "cid")),
    Kind("introspection answer", "a signed introspection answer (RFC 9701)", ("token-introspection+jwt",),
         ("iss", "aud", "iat", "token_introspection")),
)  # fmt: skip


def why_not(kind: Kind, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """The first reason why a token is none of this kind; empty where there is none."""
    return next(_reasons(kind, header, claims), "")


def media_type(header: Mapping[str, Any]) -> str:
    """The `typ` as it is compared: RFC 7515 section 4.1.9."""
    return str(header.get("typ", "")).lower().removeprefix("application/")


def kind_of(header: Mapping[str, Any], claims: Mapping[str, Any]) -> Kind | None:
    """The kind that a token is of, as far as its type and claims tell; None for no known one.

    A type of its own decides: a token that says it is an ID-JAG and lacks a claim is a
    faulty ID-JAG, and no ID token.
    """
    typ = media_type(header)
    for kind in KINDS:
        if typ == kind.types[0] and typ:
            return kind
    if typ not in {"", "jwt"}:
        return None
    fitting = [kind for kind in KINDS if not why_not(kind, header, claims)]
    if len(fitting) > 1:
        fitting = [kind for kind in fitting if kind.self_issued == _self_issued(claims)] or fitting
    return fitting[0] if fitting else None


def _reasons(kind: Kind, header: Mapping[str, Any], claims: Mapping[str, Any]) -> Iterator[str]:
    typ = media_type(header)
    if typ not in kind.types:
        wanted = " or ".join(each or "none" for each in kind.types)
        yield f"its typ is {typ or 'missing'}, not {wanted}"
    yield from (f"its header has no {name}" for name in kind.header if name not in header)
    yield from (f"it has no {name}" for name in kind.claims if name not in claims)
    if kind.one_of and claims.keys().isdisjoint(kind.one_of):
        yield f"it has none of {', '.join(kind.one_of)}"
    yield from (f"it has {name}, which only other kinds have" for name in kind.never if name in claims)
    if kind.self_issued and not _self_issued(claims):
        yield "its iss and sub differ"


def _self_issued(claims: Mapping[str, Any]) -> bool:
    return "iss" in claims and claims["iss"] == claims.get("sub")
