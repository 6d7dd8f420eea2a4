"""What the doctor is told: where the parties are, and what the client is to each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

METHODS: Final = ("private_key_jwt", "client_secret_basic", "client_secret_post")
"""What a client may be able to do that nothing is said about: the methods of the SDKs."""


@dataclass(frozen=True, slots=True)
class ClientSetup:
    """The client, under its name at each party; the three are different on purpose."""

    at_identity_provider: str = ""
    at_grant_issuer: str = ""
    at_authorization_server: str = ""
    methods: tuple[str, ...] = METHODS
    """Of client authentication."""
    algorithm: str = ""
    """That it signs its assertions with."""


@dataclass(frozen=True, slots=True)
class Setup:
    """The set-up to examine. What is empty is not asked."""

    identity_provider: str = ""
    grant_issuer: str = ""
    authorization_server: str = ""
    """Where it is empty, the MCP server's metadata are followed."""
    resource: str = ""
    client: ClientSetup = field(default_factory=ClientSetup)
    scopes: tuple[str, ...] = ()
    """That the client needs at the MCP server."""
    accepts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By `grant_issuer`, `authorization_server` or `resource`: the algorithms it accepts
    of the party before it. No metadata say that."""
