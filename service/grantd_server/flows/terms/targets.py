"""Step 3 of ExchangeIdentity: for what. One audience, its resources, the client's id
there, and the scopes asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd_server.checks import scope_names
from grantd_server.flows.people.tenancy import tenant_at_server
from grantd_server.flows.terms.asked import note_details, note_types
from grantd_server.flows.terms.details import read_parameter, request_reading
from grantd_server.flows.tokens.signing import key_at_hand
from grantd_server.keys.pairwise import Sector
from grantd_server.model.bundle.governed import ForeignAuthorizationServer, SubjectRule
from grantd_server.model.uris import normalise_resource
from grantd_server.refusals import Reason

if TYPE_CHECKING:
    from grantd_server.audit.record import Record
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.details import Detail
    from grantd_server.model.bundle.governed import AuthorizationServer, GrantIssuer, Resource
    from grantd_server.model.registered import Registration
    from grantd_server.model.requests import Exchange
    from grantd_server.subjects.identity import Identity
    from grantd_server.world import World

MOST_RESOURCES = 16
"""Resources of one request; each is one policy decision."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a grant would be for."""

    server: AuthorizationServer | ForeignAuthorizationServer
    client_id: str
    """The client's identifier at that server (A-53)."""
    resources: tuple[tuple[Resource, str], ...]
    """Each with the spelling that was asked (A-59)."""
    scopes: tuple[str, ...] | None
    """None when the request names none."""
    tenant: str | None = None
    """Of the issuer, that the user is in."""
    aud_tenant: str | None = None
    """Of the server, that the client id is valid in (A-54)."""
    details: tuple[Detail, ...] = ()
    """The objects of `authorization_details`, each of a resource that is asked for."""

    def grant_lifetime(self, issuer: GrantIssuer) -> int:
        """Seconds that a grant for it lives: what the issuer gives, or less where a foreign
        server takes no more."""
        most = self.server.grant_lifetime if isinstance(self.server, ForeignAuthorizationServer) else None
        return issuer.grant_lifetime if most is None else min(most, issuer.grant_lifetime)


def read_target(
    world: World,
    snapshot: Snapshot,
    record: Record,
    asked: Exchange,
    *,
    issuer: GrantIssuer,
    client: Registration,
    tenant: str | None = None,
) -> Target:
    """Resolves audience, tenant there, client mapping, resources and scopes, or refuses."""
    server = _audience(world, snapshot, record, asked, issuer)
    aud_tenant = tenant_at_server(record, server, issuer, tenant)
    mapped = snapshot.registration_of(client.client, server.issuer, aud_tenant)
    if mapped is None and isinstance(server, ForeignAuthorizationServer) and client.known_by_document:
        mapped = client  # its id is its address, which is the same everywhere (D-25)
    if mapped is None:
        expected = f"a client id of {client.client} at {server.issuer}"
        raise record.refuse("target.client_id", Reason.CLIENT_MAPPING_MISSING, expected, "none")
    record.noted("target.client_id", f"the id of {client.client} at {server.name}", mapped.client_id)
    resources = _resources(world, snapshot, record, asked, server)
    scopes = _scopes(record, asked.scope)
    details: tuple[Detail, ...] = ()
    if asked.authorization_details is not None:
        note_types(record, snapshot, server.name)
        details = read_parameter(request_reading(record, snapshot, server.name), asked.authorization_details)
        note_details(record, details, snapshot.grant_rules(issuer.name).detail_fields)
        _check_details(record, details, [resource.name for resource, _ in resources])
    return Target(server, mapped.client_id, resources, scopes, tenant, aud_tenant, details)


def _audience(
    world: World, snapshot: Snapshot, record: Record, asked: Exchange, issuer: GrantIssuer
) -> AuthorizationServer | ForeignAuthorizationServer:
    if not asked.audience:
        raise record.refuse("target.audience", Reason.PARAMETER_MISSING, "audience", "absent")
    single = len(asked.audience) == 1
    record.require("target.one_audience", single, Reason.AUDIENCE_REPEATED, 1, len(asked.audience))
    server = snapshot.audience(asked.audience[0])
    if server is None:
        expected = "the issuer of a registered authorization server"
        raise record.refuse("target.audience", Reason.AUDIENCE_UNKNOWN, expected, asked.audience[0])
    record.audience = server.issuer
    record.noted("target.audience", server.issuer, asked.audience[0])
    blocked = world.view.withdrawn("issuer", server.issuer, world.clock())
    record.require(
        "target.audience_blocked",
        blocked is None,
        Reason.AUDIENCE_UNKNOWN,
        "no block",
        otherwise=blocked and blocked.words,
    )
    apart = server.trust_domain != issuer.trust_domain
    expected = f"a trust domain other than {issuer.trust_domain}"
    record.require("target.trust_domain", apart, Reason.AUDIENCE_SAME_DOMAIN, expected, server.trust_domain)
    return server


def _resources(
    world: World,
    snapshot: Snapshot,
    record: Record,
    asked: Exchange,
    server: AuthorizationServer | ForeignAuthorizationServer,
) -> tuple[tuple[Resource, str], ...]:
    """A-08 to A-13: each one governed by the audience; one stranger fails the request."""
    few = len(asked.resource) <= MOST_RESOURCES
    record.require("target.resources", few, Reason.PARAMETER_INVALID, f"at most {MOST_RESOURCES}", len(asked.resource))
    found: dict[str, tuple[Resource, str]] = {}
    for spelled in asked.resource:
        try:
            normalise_resource(spelled)
        except ValueError as malformed:
            raise record.refuse(
                "target.resource", Reason.RESOURCE_MALFORMED, "an absolute URI", str(malformed)
            ) from None
        resource = snapshot.resource_at(server.name, spelled)
        if resource is None:
            expected = f"a resource that {server.name} governs"
            raise record.refuse("target.resource", _stranger(snapshot, spelled), expected, spelled)
        found.setdefault(resource.name, (resource, spelled))
    if not asked.resource:
        governed = [r for r in snapshot.resources.values() if r.authorization_server == server.name]
        alone = len(governed) == 1
        expected = "a resource, as the audience governs several"
        record.require("target.resource", alone, Reason.RESOURCE_REQUIRED, expected, otherwise="none named")
        found[governed[0].name] = (governed[0], governed[0].uri)
    for name, (_, spelled) in found.items():
        blocked = world.view.withdrawn("resource", name, world.clock())
        record.require(
            "target.resource_blocked",
            blocked is None,
            Reason.RESOURCE_DISABLED,
            "no block",
            otherwise=blocked and blocked.words,
        )
        record.noted("target.resource", name, spelled)
    return tuple(found.values())


def _stranger(snapshot: Snapshot, spelled: str) -> Reason:
    """Whether another server governs the resource or nobody does: one public sentence,
    two things to do."""
    ours, theirs = snapshot.authorization_servers.values(), snapshot.foreign_servers.values()
    servers: list[AuthorizationServer | ForeignAuthorizationServer] = [*ours, *theirs]
    elsewhere = any(snapshot.resource_at(server.name, spelled) for server in servers)
    return Reason.RESOURCE_NOT_GOVERNED if elsewhere else Reason.RESOURCE_UNKNOWN


def _scopes(record: Record, raw_scope: str | None) -> tuple[str, ...] | None:
    if raw_scope is None:
        return None
    try:
        scopes = scope_names(raw_scope)
    except ValueError as malformed:
        raise record.refuse("target.scope", Reason.SCOPE_MALFORMED, "RFC 6749 scopes", str(malformed)) from None
    record.scopes_asked = scopes
    return scopes


def _check_details(record: Record, details: tuple[Detail, ...], resources: list[str]) -> None:
    for detail in details:
        name = detail.kind.resource
        # Together with `resource`: details of another server reach nobody.
        reason = Reason.DETAILS_TYPE_UNKNOWN
        record.require("target.authorization_details", name in resources, reason, resources, name)


def account_claims(target: Target, identity: Identity) -> dict[str, object]:
    """The claims that say which tenants a grant is of and which account it is for, only
    those that are declared (A-63 to A-65; X-15)."""
    claims: dict[str, object] = {}
    if target.tenant is not None:
        claims["tenant"] = target.tenant
    if target.aud_tenant is not None:
        claims["aud_tenant"] = target.aud_tenant
    account = identity.accounts.get(target.server.account_claims.get(identity.provider.name, ""))
    if account is not None:
        claims["aud_sub"] = account
    return claims


def subject_for(world: World, target: Target, identity: Identity) -> str:
    """The `sub` of the grant, by the provider's declared mapping (A-40, A-55)."""
    provider = identity.provider
    if provider.subject.rule is not SubjectRule.PAIRWISE:
        return identity.sub
    with key_at_hand():
        return world.pairwise.subject(Sector(target.server.issuer, provider.name, target.tenant), identity.upstream_sub)
