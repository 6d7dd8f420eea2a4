"""Which names can be blocked: those of the bundle in force. A misspelt block would hold nothing, and look like one."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

from grantd_server.model.bundle.tenants import split_place

if TYPE_CHECKING:
    from collections.abc import Mapping

_ISSUERS = ("identity_providers", "grant_issuers", "authorization_servers", "trusted_issuers")
_NEAREST = 3


class Listed(NamedTuple):
    """Whether a name is one, and which others are like it."""

    known: bool
    nearest: list[str]


def listed(document: bytes, kind: str, name: str) -> Listed:
    """Looks a name of a kind up in a document. Of users only the first part can be known."""
    bundle: dict[str, Any] = json.loads(document)
    match kind:
        case "client" | "resource_server":
            return _among(bundle.get(f"{kind}s", {}), name)
        case "resource":
            found = bundle.get("resources", {})
            return _among(found, name, {each["uri"]: named for named, each in found.items()})
        case "issuer":
            return _issuer(bundle, name)
    return _user(bundle, name)


def _issuer(bundle: Mapping[str, Any], name: str) -> Listed:
    identifiers: dict[str, None] = {}
    named: dict[str, str] = {}
    for section in _ISSUERS:
        for short, declared in bundle.get(section, {}).items():
            ours = [part["issuer"] for part in (declared, declared.get("saml", {})) if "issuer" in part]
            ours += [part["entity_id"] for part in (declared.get("saml", {}),) if "entity_id" in part]
            identifiers |= dict.fromkeys(ours)
            named.update((short, each) for each in ours)
    return _among(identifiers, name, named)


def _user(bundle: Mapping[str, Any], name: str) -> Listed:
    """`PROVIDER:ID`, or `ISSUER|SUB` with the tenant of the issuer where it has any."""
    place, bar, sub = name.partition("|")
    if bar:
        issuer = split_place(place)[0]
        trusted = {**bundle.get("grant_issuers", {}), **bundle.get("trusted_issuers", {})}
        if issuer in trusted or not sub:
            return Listed(known=bool(sub), nearest=[])
        if ":" not in place:
            return Listed(known=False, nearest=[f"{each}|{sub}" for each in _like(issuer, trusted)])
    provider, _, who = name.partition(":")
    providers = bundle.get("identity_providers", {})
    if provider in providers or not who:
        return Listed(known=bool(who), nearest=[])
    return Listed(known=False, nearest=[f"{each}:{who}" for each in _like(provider, providers)])


def _among(names: Mapping[str, object], name: str, also: Mapping[str, str] | None = None) -> Listed:
    """`also`: what people might say instead, and what they then mean."""
    if name in names:
        return Listed(known=True, nearest=[])
    meant = (also or {}).get(name)
    return Listed(known=False, nearest=_like(name, names) if meant is None else [meant])


def _like(name: str, names: Mapping[str, object]) -> list[str]:
    return get_close_matches(name, names, _NEAREST)
