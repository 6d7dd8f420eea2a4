"""Holds a token against a target: checks in order, each with what was expected and got."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from grantd import jws
from grantd.claims import SKEW
from grantd.dpop.proof import MAX_AGE
from grantd.strict import Fault
from grantd_server.audit.explaining.explanation import Made
from grantd_server.model.uris import normalise_resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.cli.decoding.kinds import Kind
    from grantd_server.cli.decoding.target import Target

_CLIENT_CLAIMS = {
    "ID-JAG": ("client_id",),
    "access token": ("client_id",),
    "access token of a provider": ("client_id", "azp", "appid", "cid"),
    "client assertion": ("sub",),
}
"""Where a kind names the client; the others do not."""

_TYPES = {
    "ID-JAG": jws.ID_JAG,
    "access token": jws.ACCESS_TOKEN,
    "ID token": jws.ID_TOKEN,
    "client assertion": jws.CLIENT_ASSERTION,
    "DPoP proof": jws.DPOP_PROOF,
}


def checks(raw: str, kind: Kind, claims: Mapping[str, Any], target: Target) -> Iterator[Made]:
    """Everything that can be checked offline of a token of this kind."""
    yield from _signature(raw, kind, target)
    yield from _times(claims, target.now)
    audiences = _texts(claims.get("aud"))
    if issuers := target.issuers(kind.name, target.audience or (audiences[0] if audiences else "")):
        yield _made("issuer", str(claims.get("iss")) in issuers, _any_of(issuers), claims.get("iss"))
    if kind.name == "DPoP proof":
        yield from _proof(claims, target)
    elif target.audience and kind.name in {"ID-JAG", "client assertion"}:
        # Exactly one: what is for two could be taken from one to the other (B-05).
        yield _made("audience", audiences == (target.audience,), target.audience, claims.get("aud"))
    elif target.audience:
        yield _made("audience", target.audience in audiences, target.audience, claims.get("aud"))
    if target.client:
        yield from _client(kind, claims, audiences, target)
    if target.resource and kind.name in {"ID-JAG", "access token"}:
        named = _texts(claims.get("resource") if kind.name == "ID-JAG" else claims.get("aud"))
        wanted = {_normal(each) for each in target.resource_ids()}
        held = not wanted.isdisjoint(map(_normal, named))
        yield _made("resource", held, _any_of(target.resource_ids()), _listed(named))
    yield from _scopes(claims, target)


def _signature(raw: str, kind: Kind, target: Target) -> Iterator[Made]:
    if target.keys is None:
        return
    typ = _TYPES.get(kind.name)
    if typ is None:
        yield Made("", "signature", False, "a kind that grantd verifies", kind.name)
        return
    try:
        parsed = jws.read(raw)
        jws.verify(parsed, target.keys, frozenset({parsed.header.alg}), typ)
    except Fault as fault:
        yield Made("", f"signature: {fault.check}", False, fault.expected, fault.got)
    else:
        yield Made("", "signature", True, "a key of --jwks", f"{parsed.header.alg} kid {parsed.header.kid}")


def _times(claims: Mapping[str, Any], now: float) -> Iterator[Made]:
    exp, nbf, iat = (_number(claims.get(name)) for name in ("exp", "nbf", "iat"))
    if exp is not None:
        yield _made("exp", now < exp + SKEW, f"after now, {int(now)}", int(exp))
    if nbf is not None:
        yield _made("nbf", nbf - SKEW <= now, f"not after now, {int(now)}", int(nbf))
    if iat is not None:
        yield _made("iat", iat - SKEW <= now, f"not after now, {int(now)}", int(iat))


def _client(kind: Kind, claims: Mapping[str, Any], audiences: tuple[str, ...], target: Target) -> Iterator[Made]:
    audience = target.audience or (audiences[0] if audiences else "")
    ids = target.client_ids(kind.name, str(claims.get("iss")), audience)
    if kind.name in {"ID token", "logout token"}:
        yield _made("client", not set(ids).isdisjoint(audiences), _any_of(ids), _listed(audiences))
    elif kind.name in _CLIENT_CLAIMS:
        found = next((claims[name] for name in _CLIENT_CLAIMS[kind.name] if name in claims), None)
        yield _made("client", found in ids, _any_of(ids), found)


def _proof(claims: Mapping[str, Any], target: Target) -> Iterator[Made]:
    """RFC 9449 section 4.3: it is for one address, and for one moment."""
    wanted = target.audience or target.resource
    if wanted:
        at = str(claims.get("htu"))
        yield _made("htu", _origin(at) == _origin(wanted) != "", f"an address at {wanted}", claims.get("htu"))
    iat = _number(claims.get("iat"))
    if iat is not None:
        yield _made("iat age", target.now - iat <= MAX_AGE + SKEW, f"made at most {MAX_AGE} s ago", int(iat))


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.scheme and parts.netloc else ""


def _scopes(claims: Mapping[str, Any], target: Target) -> Iterator[Made]:
    known = None if target.snapshot is None else target.snapshot.resources.get(target.resource)
    scope = claims.get("scope")
    if known is not None and isinstance(scope, str):
        strange = [each for each in scope.split() if each not in known.scopes]
        yield _made("scope", not strange, _any_of(sorted(known.scopes)), scope)


def _made(name: str, ok: bool, expected: object, got: object) -> Made:
    if isinstance(got, list) and got and all(isinstance(one, str) for one in got):
        got = ", ".join(got)
    return Made("", name, ok, str(expected), "missing" if got is None else str(got))


def _any_of(values: tuple[str, ...] | list[str]) -> str:
    return values[0] if len(values) == 1 else f"one of {', '.join(values)}"


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(values) if values else "none"


def _texts(raw: object) -> tuple[str, ...]:
    many = raw if isinstance(raw, list) else [raw]
    return tuple(each for each in many if isinstance(each, str))


def _number(raw: object) -> float | None:
    return float(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) and abs(raw) < 2**53 else None


def _normal(uri: str) -> str:
    try:
        return normalise_resource(uri)
    except ValueError:
        return uri
