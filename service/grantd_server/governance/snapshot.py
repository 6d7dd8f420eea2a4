"""One bundle version, compiled: everything a call looks up, immutable, swapped as one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grantd_server.model.uris import normalise_resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.model.bundle.details import DetailType
    from grantd_server.model.bundle.governed import (
        AuthorizationServer,
        ForeignAuthorizationServer,
        GrantIssuer,
        IdentityProvider,
        Resource,
    )
    from grantd_server.model.registered import Registration, ResourceServer
    from grantd_server.policy import GrantRules, RedemptionRules


@dataclass(frozen=True, slots=True)
class Lookups:
    """The tables behind the questions of a snapshot, keyed by what is asked with."""

    registrations: Mapping[tuple[str, str], Registration]
    """By issuer and client id."""
    client_ids: Mapping[tuple[str, str, str | None], Registration]
    """By client name, issuer and tenant of that server: the client-id mapping (D-25)."""
    client_peers: Mapping[tuple[str, str], Registration]
    resource_servers: Mapping[tuple[str, str], ResourceServer]
    resource_server_peers: Mapping[tuple[str, str], ResourceServer]
    resources: Mapping[tuple[str, str], Resource]
    """By authorization server name and every accepted spelling, normalised."""
    providers: Mapping[tuple[str, str], IdentityProvider]
    """By grant issuer name and the provider's issuer."""
    saml_providers: Mapping[str, Mapping[str, IdentityProvider]]
    """By grant issuer name, then by entity id."""
    grant_rules: Mapping[str, GrantRules]
    redemption_rules: Mapping[str, RedemptionRules]
    document_issuers: frozenset[str] = frozenset()
    certificate_issuers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What governs one call. A call uses one snapshot from beginning to end."""

    version: str
    """Of the document; what a decision is a function of."""
    effective_version: str
    """The version, and a keyed fingerprint of the secrets it refers to."""
    epoch: int
    grant_issuers: Mapping[str, GrantIssuer]
    """Ours, by issuer identifier, as are the next two."""
    authorization_servers: Mapping[str, AuthorizationServer]
    foreign_servers: Mapping[str, ForeignAuthorizationServer]
    identity_providers: Mapping[str, IdentityProvider]
    """By name."""
    resources: Mapping[str, Resource]
    """By name."""
    lookups: Lookups
    account_claims: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By provider: the claims that some server is told as `aud_sub` (A-63)."""
    detail_types: Mapping[tuple[str, str], DetailType] = field(default_factory=dict)
    """By authorization server name and the type on the wire."""
    details_offered: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By grant issuer name: the types on the wire that its rules grant."""
    acr_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By issuer identifier: what a sign-in may be asked for (E-15)."""

    def grant_rules(self, issuer_name: str) -> GrantRules:
        """The leg 1 rules of a grant issuer of ours; without any, nothing is granted."""
        return self.lookups.grant_rules[issuer_name]

    def redemption_rules(self, as_name: str) -> RedemptionRules:
        """The leg 2 rules of an authorization server of ours."""
        return self.lookups.redemption_rules[as_name]

    def registration(self, issuer: str, client_id: str) -> Registration | None:
        """The client that an id means at an issuer of ours (D-26)."""
        return self.lookups.registrations.get((issuer, client_id))

    def registration_of(self, client_name: str, issuer: str, tenant: str | None = None) -> Registration | None:
        """What a client is at an issuer, ours or foreign, and in a tenant of it: the
        client-id mapping (A-48, A-54)."""
        return self.lookups.client_ids.get((client_name, issuer, tenant))

    def accepts_documents(self, issuer: str) -> bool:
        """Whether a client is known by its metadata document at an issuer of ours (E-14)."""
        return issuer in self.lookups.document_issuers

    def accepts_certificates(self, issuer: str) -> bool:
        """Whether somebody is known by a certificate at an issuer of ours."""
        return issuer in self.lookups.certificate_issuers

    def registration_by_peer(self, issuer: str, identity: str) -> Registration | None:
        """The client that a TLS identity is bound to at an issuer of ours."""
        return self.lookups.client_peers.get((issuer, identity))

    def resource_server(self, issuer: str, client_id: str) -> ResourceServer | None:
        """The resource server that an id means at an authorization server of ours."""
        return self.lookups.resource_servers.get((issuer, client_id))

    def resource_server_by_peer(self, issuer: str, identity: str) -> ResourceServer | None:
        """The resource server that a TLS identity is bound to."""
        return self.lookups.resource_server_peers.get((issuer, identity))

    def audience(self, issuer: str) -> AuthorizationServer | ForeignAuthorizationServer | None:
        """The authorization server with exactly this identifier (B-05, G-27)."""
        return self.authorization_servers.get(issuer) or self.foreign_servers.get(issuer)

    def resource_at(self, as_name: str, uri: str) -> Resource | None:
        """The resource that an authorization server governs under this identifier, compared
        by G-27. None for a stranger and for what is no resource identifier."""
        exact = self.lookups.resources.get((as_name, uri))
        if exact is not None:
            return exact  # the keys are normalised, and normalising twice changes nothing
        try:
            spelled = normalise_resource(uri)
        except ValueError:
            return None
        return self.lookups.resources.get((as_name, spelled))

    def identity_provider_for(self, grant_issuer: GrantIssuer, iss: str) -> IdentityProvider | None:
        """The provider whose sign-ins this grant issuer accepts, byte for byte."""
        return self.lookups.providers.get((grant_issuer.name, iss))

    def saml_providers_of(self, grant_issuer: GrantIssuer) -> Mapping[str, IdentityProvider] | None:
        """The providers whose assertions this grant issuer accepts, by entity id; None
        where it accepts none."""
        return self.lookups.saml_providers.get(grant_issuer.name)
