"""What the doctor is told: where the parties are, and what the client is to each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

METHODS: Final = ("private_key_jwt", "client_secret_basic", "client_secret_post")
"""What a client may be able to do that nothing is said about: the methods of the SDKs."""


@dataclass(frozen=True, slots=True)
class CredentialSource:
    """Where a credential of the probing client is found: a secret, or a key where an
    algorithm is named. Exactly one of `file` and `env` is set."""

    file: str = ""
    env: str = ""
    kid: str = ""
    algorithm: str = ""


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
    credentials: Mapping[str, CredentialSource] = field(default_factory=dict)
    """By `grant_issuer` and `authorization_server`: what a probe authenticates with."""


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

    @property
    def names_nobody(self) -> bool:
        """Whether there is no party to ask."""
        return not (self.identity_provider or self.grant_issuer or self.authorization_server or self.resource)

    def under(self, over: Setup) -> Setup:
        """The same, but for the parties, client ids and scopes that `over` names."""
        client = replace(
            self.client,
            at_identity_provider=over.client.at_identity_provider or self.client.at_identity_provider,
            at_grant_issuer=over.client.at_grant_issuer or self.client.at_grant_issuer,
            at_authorization_server=over.client.at_authorization_server or self.client.at_authorization_server,
        )
        return replace(
            self,
            identity_provider=over.identity_provider or self.identity_provider,
            grant_issuer=over.grant_issuer or self.grant_issuer,
            authorization_server=over.authorization_server or self.authorization_server,
            resource=over.resource or self.resource,
            client=client,
            scopes=over.scopes or self.scopes,
        )
