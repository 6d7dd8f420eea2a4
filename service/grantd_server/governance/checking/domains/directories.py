"""Holds directories to the identity providers that they are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.declared import Bundle


def check_directories(bundle: Bundle, faults: Faults) -> None:
    """A directory has the name of its provider."""
    for name, declared in bundle.directories.items():
        if name not in bundle.identity_providers:
            faults.at_key(declared.node, "directories", f'there is no identity provider "{name}"')
