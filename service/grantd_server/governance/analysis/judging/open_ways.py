"""Every way that is open in a bundle, whatever its rules say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grantd_server.governance.asking.ways import Way, obstacle_to_grant, obstacle_to_redemption, trusted_at
from grantd_server.model.bundle.governed import AuthorizationServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.governed import ForeignAuthorizationServer, GrantIssuer, Resource

VOUCHED = ""
"""In place of an identity provider: people of a trusted issuer, whom only it knows."""


class Place(NamedTuple):
    """Where people of one provider, with one client, ask one resource."""

    issuer: str
    provider: str
    client: str
    resource: str


Tenants = frozenset[str | None]
"""Of the issuer; None where it has none."""


def open_ways(snapshot: Snapshot) -> dict[Place, Tenants]:
    """The places at which rules are asked on every leg that is ours."""
    found: dict[Place, set[str | None]] = {}
    clients = sorted({name for name, _, _ in snapshot.lookups.client_ids})
    for server, resources in _governed(snapshot):
        for issuer in snapshot.grant_issuers.values():
            reachable = _spoken_for(server, issuer.name, resources)
            for client in clients if reachable else ():
                for provider, tenant in _open(snapshot, issuer, server, client, reachable[0]):
                    for resource in reachable:
                        found.setdefault(Place(issuer.name, provider, client, resource.name), set()).add(tenant)
        if isinstance(server, AuthorizationServer):
            for place, tenant in _vouched(snapshot, server, resources, clients):
                found.setdefault(place, set()).add(tenant)
    return {place: frozenset(tenants) for place, tenants in found.items()}


def _governed(
    snapshot: Snapshot,
) -> Iterator[tuple[AuthorizationServer | ForeignAuthorizationServer, list[Resource]]]:
    servers: list[AuthorizationServer | ForeignAuthorizationServer] = [*snapshot.authorization_servers.values()]
    servers += snapshot.foreign_servers.values()
    by_server: dict[str, list[Resource]] = {}
    for resource in snapshot.resources.values():
        by_server.setdefault(resource.authorization_server, []).append(resource)
    for server in servers:
        yield server, sorted(by_server.get(server.name, []), key=lambda resource: resource.name)


def _spoken_for(
    server: AuthorizationServer | ForeignAuthorizationServer, issuer: str, resources: list[Resource]
) -> list[Resource]:
    """The resources that an issuer may speak for; a foreign server has its own say."""
    if not isinstance(server, AuthorizationServer):
        return resources
    trusted = trusted_at(server, issuer)
    return [resource for resource in resources if trusted is not None and resource.name in trusted.resources]


def _open(
    snapshot: Snapshot,
    issuer: GrantIssuer,
    server: AuthorizationServer | ForeignAuthorizationServer,
    client: str,
    resource: Resource,
) -> Iterator[tuple[str, str | None]]:
    """Providers and tenants from which a client gets through both legs. The same for all
    resources that the issuer may speak for at the server."""
    for provider in issuer.identity_providers:
        source = snapshot.identity_providers[provider].tenant
        fixed = None if source is None else source.fixed
        for tenant in ([fixed] if fixed else sorted(issuer.tenants)) if issuer.tenants else [None]:
            way = Way(issuer.name, provider, client, resource, tenant)
            if obstacle_to_grant(snapshot, issuer, way) is not None:
                continue
            if isinstance(server, AuthorizationServer) and obstacle_to_redemption(snapshot, server, way) is not None:
                continue
            yield provider, tenant


def _vouched(
    snapshot: Snapshot, server: AuthorizationServer, resources: list[Resource], clients: list[str]
) -> Iterator[tuple[Place, str | None]]:
    ours = {issuer.name for issuer in snapshot.grant_issuers.values()}
    for trusted in server.trusted.values():
        if trusted.name in ours:
            continue
        for resource in resources:
            for client in clients:
                for tenant in trusted.tenants or [None]:
                    way = Way(trusted.name, None, client, resource, tenant)
                    if obstacle_to_redemption(snapshot, server, way) is None:
                        yield Place(trusted.name, VOUCHED, client, resource.name), tenant
