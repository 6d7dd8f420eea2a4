"""What policy may know of a user: each attribute with its state.

What is absent or not understood is unknown, never empty: an unknown attribute
satisfies no allow and every deny that reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd import jws
from grantd_server.model.bundle.rules import UNKNOWN, Attribute

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.governed import IdentityProvider

MOST_VALUES = 2048
"""Values of one list claim; a directory that sends more has its list unknown."""

_MAILTO = "mailto:"


def user_keys(provider: IdentityProvider, upstream_sub: str, sub: str, claims: Mapping[str, object]) -> Attribute:
    """The qualified keys of a user; an address only where the provider is
    authoritative for its domain and says that it is verified."""
    keys = {f"{provider.name}:{upstream_sub}", f"{provider.name}:{sub}"}
    if any(key.startswith(f"{provider.name}:{_MAILTO}") for key in keys):
        expected = "a subject that does not read as an address key"
        raise jws.Fault("claim:sub", expected, "a subject with the prefix mailto:")
    email = claims.get("email")
    if isinstance(email, str) and claims.get("email_verified") is True and email.isprintable():
        local, _, domain = email.rpartition("@")
        if local and domain.lower() in provider.email_domains:
            keys.add(f"{provider.name}:{_MAILTO}{local}@{domain.lower()}")
    return Attribute.of(frozenset(keys))


def account_texts(snapshot: Snapshot, provider: IdentityProvider, claims: Mapping[str, object]) -> dict[str, str]:
    """The claims of this provider that some server is told as `aud_sub`; one that is no
    printable text is not known."""
    names = snapshot.account_claims.get(provider.name, ())
    return {
        name: value for name in names if isinstance(value := claims.get(name), str) and value.isprintable() and value
    }


def list_claim(provider: IdentityProvider, claims: Mapping[str, object], path: tuple[str, ...] | None) -> Attribute:
    """A claim that lists names, each qualified by the provider; the path leads through
    claims that are objects.

    Overage markers (a directory saying that it left the list out) are unknown, on every
    level and for every name on the way.
    """
    if path is None:
        return UNKNOWN
    *way, last = path
    for name in way:
        inner = claims.get(name)
        if not isinstance(inner, dict) or _overage(claims, path):
            return UNKNOWN
        claims = inner
    if _overage(claims, path):
        return UNKNOWN
    found = claim_values(claims, last)
    return Attribute(found.state, frozenset(f"{provider.name}:{value}" for value in found.values))


def claim_values(claims: Mapping[str, object], name: str) -> Attribute:
    """A claim as a set of texts: a text, a boolean, or a list of texts."""
    raw = claims.get(name)
    if isinstance(raw, bool):
        return Attribute.of(frozenset({"true" if raw else "false"}))
    values = [raw] if isinstance(raw, str) else raw
    if not isinstance(values, list) or len(values) > MOST_VALUES:
        return UNKNOWN
    if not all(isinstance(value, str) and value and value.isprintable() for value in values):
        return UNKNOWN
    return Attribute.of(frozenset(values))


def _overage(claims: Mapping[str, object], names: tuple[str, ...]) -> bool:
    sources = claims.get("_claim_names")
    for name in names:
        if isinstance(sources, dict) and name in sources:
            return True
        if claims.get(f"has{name}") or claims.get(f"{name}:overage"):
            return True
    return False
