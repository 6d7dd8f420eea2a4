"""Tenants on both legs: whose tenant a user, a grant and a client are in, and whether
they are the same one (G-23)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.model.bundle.governed import SubjectRule
from grantd_server.model.bundle.tenants import join_place, tenant_fault
from grantd_server.refusals import Reason

if TYPE_CHECKING:
    from grantd_server.audit.record import Record
    from grantd_server.grants.grant import Grant
    from grantd_server.model.bundle.governed import AuthorizationServer, ForeignAuthorizationServer, GrantIssuer
    from grantd_server.model.registered import Registration
    from grantd_server.subjects.identity import Identity


def tenant_of_user(record: Record, issuer: GrantIssuer, client: Registration, identity: Identity) -> str | None:
    """The tenant that a sign-in is of, which must be one of the issuer's that the client
    may act for; None where the issuer has none."""
    if not issuer.tenants:
        return None
    source = identity.provider.tenant
    tenant = identity.tenant if source is None or source.fixed is None else source.fixed
    record.require(
        "subject.tenant",
        tenant in issuer.tenants,
        Reason.SUBJECT_TENANT,
        f"a tenant of {issuer.name}",
        tenant or "none",
    )
    allowed = client.tenants is None or tenant in client.tenants
    expected = f"a tenant that {client.client} may act for"
    record.require("client.tenant", allowed, Reason.TENANT_NOT_ALLOWED, expected, tenant)
    record.tenant = tenant or ""
    return tenant


def tenant_at_server(
    record: Record, server: AuthorizationServer | ForeignAuthorizationServer, issuer: GrantIssuer, tenant: str | None
) -> str | None:
    """The tenant of the server that the user's belongs to; None where it has none."""
    if server.tenants is None:
        return None
    found = server.tenants.get((issuer.name, tenant))
    if found is None:
        expected = f"a tenant of {server.name} that {join_place(issuer.name, tenant)} belongs to"
        raise record.refuse("target.tenant", Reason.TENANT_NOT_ALLOWED, expected, "none")
    record.noted("target.tenant", f"a tenant of {server.name}", found)
    return found


def check_tenants(record: Record, server: AuthorizationServer, client: Registration, grant: Grant) -> None:
    """B-16: the tenant of the grant is trusted, and the client's; where the grant says
    the tenant of this server as well, that one is right (X-15)."""
    fault = tenant_fault(server, grant.issuer, client, grant.tenant)
    got = grant.tenant or "none"
    reason = Reason.ASSERTION_TENANT
    expected, otherwise = "a tenant of this client", fault and f"{got}: {fault}"
    record.require("assertion.tenant", fault is None, reason, expected, got, otherwise=otherwise)
    if grant.aud_tenant is None and grant.issuer.subject.rule is SubjectRule.AUD_SUB and server.tenants is not None:
        # The account's id is unique within the tenant that the grant says.
        raise record.refuse("assertion.aud_tenant", reason, client.tenant or "", "none beside aud_sub")
    if grant.aud_tenant is not None:
        mine = client.tenant or "none: this server has no tenants"
        record.require("assertion.aud_tenant", grant.aud_tenant == client.tenant, reason, mine, grant.aud_tenant)
    record.tenant = grant.tenant or ""
