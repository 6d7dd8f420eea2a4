"""How bundles read sign-ins: what one would have read that another did not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_READ_BY: Final = {
    "groups": ("groups_claim", "saml"),
    "roles": ("roles_claim", "saml"),
    "users": ("subject", "email_domains", "saml"),
    "tenant": ("tenant",),
}
"""By attribute: what a provider declares about it."""
_BY_DIRECTORY: Final = frozenset({"groups", "roles"})
"""What a directory tells instead of the sign-in. What is in it is the people's state at
the time, like what a token said; whether there is one is the bundle's."""


def reread(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """By identity provider: the attributes that two documents read differently. A record
    of the one does not tell what the other would have read."""
    before, after = then.get("identity_providers", {}), now.get("identity_providers", {})
    found = {}
    for name in before.keys() & after.keys():
        differing = frozenset(
            attribute
            for attribute, members in _READ_BY.items()
            if any(before[name].get(member) != after[name].get(member) for member in members)
        )
        if (name in then.get("directories", {})) != (name in now.get("directories", {})):
            differing |= _BY_DIRECTORY
        if isinstance(after[name].get("tenant"), str):
            differing -= {"tenant"}  # the bundle itself tells it
        if differing:
            found[name] = differing
    return found
