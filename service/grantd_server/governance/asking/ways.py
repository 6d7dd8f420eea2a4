"""Whether there is a way from a client to a resource at all, before any rule is asked:
registrations, trust and tenants of both legs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grantd_server.checks import GRANT_TYPE_JWT_BEARER, GRANT_TYPE_TOKEN_EXCHANGE
from grantd_server.model.bundle.governed import AuthorizationServer
from grantd_server.model.bundle.tenants import join_place
from grantd_server.refusals import Reason

if TYPE_CHECKING:
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.governed import ForeignAuthorizationServer, GrantIssuer, Resource, TrustedIssuer
    from grantd_server.model.registered import Registration


class Obstacle(NamedTuple):
    """What stands in the way, and on which leg."""

    reason: Reason
    sentence: str
    leg: int


class Way(NamedTuple):
    """From a client, over an issuer, to a resource."""

    issuer: str
    """By name."""
    provider: str | None
    """Where the person signed in; None for an issuer that is not ours."""
    client: str
    resource: Resource
    tenant: str | None = None
    """Of the issuer."""


def server_of(snapshot: Snapshot, resource: Resource) -> AuthorizationServer | ForeignAuthorizationServer:
    """The authorization server that governs a resource."""
    ours, theirs = snapshot.authorization_servers.values(), snapshot.foreign_servers.values()
    servers: list[AuthorizationServer | ForeignAuthorizationServer] = [*ours, *theirs]
    return next(server for server in servers if server.name == resource.authorization_server)


def obstacle_to_grant(snapshot: Snapshot, issuer: GrantIssuer, way: Way) -> Obstacle | None:
    """What keeps leg 1 from ever asking its rules."""
    client = snapshot.registration_of(way.client, issuer.issuer)
    if client is None:
        return Obstacle(Reason.CLIENT_UNKNOWN, f"{way.client} is not registered at {issuer.name}", 1)
    if GRANT_TYPE_TOKEN_EXCHANGE not in client.grant_types:
        return Obstacle(Reason.CLIENT_GRANT_NOT_ALLOWED, f"{way.client} may not exchange at {issuer.name}", 1)
    return _obstacle_of_sign_in(issuer, client, way) or _obstacle_at_target(snapshot, issuer, client, way)


def _obstacle_of_sign_in(issuer: GrantIssuer, client: Registration, way: Way) -> Obstacle | None:
    provider = way.provider or ""
    if provider not in issuer.identity_providers:
        return Obstacle(Reason.SUBJECT_TOKEN_ISSUER, f"{issuer.name} accepts no sign-ins of {provider}", 1)
    if provider not in client.sso_client_ids:
        return Obstacle(Reason.SUBJECT_TOKEN_AUDIENCE, f"{way.client} has no sso id at {provider}", 1)
    if client.identity_providers is not None and provider not in client.identity_providers:
        return Obstacle(Reason.IDENTITY_PROVIDER_NOT_ALLOWED, f"{way.client} may not use {provider}", 1)
    if issuer.tenants and way.tenant not in issuer.tenants:
        return Obstacle(Reason.SUBJECT_TENANT, f"{way.tenant or 'none'} is not a tenant of {issuer.name}", 1)
    if issuer.tenants and client.tenants is not None and way.tenant not in client.tenants:
        return Obstacle(Reason.TENANT_NOT_ALLOWED, f"{way.client} may not act for tenant {way.tenant}", 1)
    return None


def _obstacle_at_target(snapshot: Snapshot, issuer: GrantIssuer, client: Registration, way: Way) -> Obstacle | None:
    server = server_of(snapshot, way.resource)
    if server.trust_domain == issuer.trust_domain:
        return Obstacle(Reason.AUDIENCE_SAME_DOMAIN, f"{server.name} is in the trust domain of {issuer.name}", 1)
    tenant = None
    if server.tenants is not None:
        tenant = server.tenants.get((issuer.name, way.tenant))
        if tenant is None:
            place = join_place(issuer.name, way.tenant)
            return Obstacle(Reason.TENANT_NOT_ALLOWED, f"{server.name} binds no tenant of its own to {place}", 1)
    foreign = not isinstance(server, AuthorizationServer)
    mapped = snapshot.registration_of(way.client, server.issuer, tenant) is not None
    if not mapped and not (foreign and client.known_by_document):
        return Obstacle(Reason.CLIENT_MAPPING_MISSING, f"{way.client} has no client id at {server.name}", 1)
    return None


def obstacle_to_redemption(snapshot: Snapshot, server: AuthorizationServer, way: Way) -> Obstacle | None:
    """What keeps leg 2 from ever asking its rules."""
    trusted = trusted_at(server, way.issuer)
    if trusted is None:
        return Obstacle(Reason.ASSERTION_ISSUER, f"{server.name} does not trust {way.issuer}", 2)
    if way.resource.name not in trusted.resources:
        sentence = f"{way.issuer} may not speak for {way.resource.name} at {server.name}"
        return Obstacle(Reason.ASSERTION_RESOURCE, sentence, 2)
    own = None if server.tenants is None else server.tenants.get((way.issuer, way.tenant))
    client = snapshot.registration_of(way.client, server.issuer, own)
    if client is None:
        return Obstacle(Reason.CLIENT_UNKNOWN, f"{way.client} is not registered at {server.name}", 2)
    if GRANT_TYPE_JWT_BEARER not in client.grant_types:
        return Obstacle(Reason.CLIENT_GRANT_NOT_ALLOWED, f"{way.client} may not redeem at {server.name}", 2)
    return _obstacle_of_tenant(server, trusted, client, way)


def trusted_at(server: AuthorizationServer, issuer: str) -> TrustedIssuer | None:
    """What a server of ours trusts an issuer with, by the issuer's name."""
    return next((trusted for trusted in server.trusted.values() if trusted.name == issuer), None)


def _obstacle_of_tenant(
    server: AuthorizationServer, trusted: TrustedIssuer, client: Registration, way: Way
) -> Obstacle | None:
    place = join_place(way.issuer, way.tenant)
    untrusted = way.tenant is not None if trusted.tenants is None else way.tenant not in trusted.tenants
    unbound = server.tenants is not None and (way.issuer, way.tenant) not in server.tenants
    if untrusted or unbound:
        return Obstacle(Reason.ASSERTION_TENANT, f"{server.name} does not know {place}", 2)
    if client.tenants is not None and place not in client.tenants:
        return Obstacle(Reason.ASSERTION_TENANT, f"{way.client} may not act for {place} at {server.name}", 2)
    return None
