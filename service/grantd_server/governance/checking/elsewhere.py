"""Where a name stands that was looked for in another section."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grantd_server.governance.reading.declared import Bundle

_SECTIONS = (
    "identity_providers",
    "grant_issuers",
    "trusted_issuers",
    "authorization_servers",
    "resources",
    "resource_servers",
    "clients",
)


def elsewhere(bundle: Bundle, name: str) -> str:
    """The end of a sentence about a name that is not where it was looked for."""
    found = [section for section in _SECTIONS if name in getattr(bundle, section)]
    resource = bundle.resources.get(name)
    if resource is not None and resource.value is not None:
        return f'; "{name}" is a resource of {resource.value.authorization_server}'
    return f'; "{name}" stands in {" and ".join(found)}' if found else ""
