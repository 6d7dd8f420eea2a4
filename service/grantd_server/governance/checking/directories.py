"""Holds directories to the identity providers they are of: one source of groups each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.declared import Bundle, Declared
    from grantd_server.model.governed import IdentityProvider

_SOURCES = (("groups_claim",), ("roles_claim",), ("saml", "groups_attribute"), ("saml", "roles_attribute"))


def check_directories(bundle: Bundle, faults: Faults) -> None:
    """A directory has its provider's name, and is then the only one that knows groups."""
    for name, declared in bundle.directories.items():
        provider = bundle.identity_providers.get(name)
        if provider is None:
            faults.at_key(declared.node, "directories", f'there is no identity provider "{name}"')
        elif provider.value is not None:
            for way in _SOURCES:
                _check_absent(provider, way, name, faults)


def _check_absent(provider: Declared[IdentityProvider], way: tuple[str, ...], name: str, faults: Faults) -> None:
    above = provider.node.at(*way[:-1])
    if isinstance(above.value, dict) and way[-1] in above.value:
        sentence = f"{name} has a directory, and groups and roles come from there; take {way[-1]} away"
        faults.at_key(above.value[way[-1]], ".".join((provider.label, *way[:-1])), sentence)
