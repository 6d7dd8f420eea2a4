"""Tenants: parts of an issuer or of an authorization server that hold different customers.

A tenant of an issuer is the `tenant` of its grants, one of a server their `aud_tenant`
(draft-ietf-oauth-identity-assertion-authz-grant section 6).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.model.bundle.governed import AuthorizationServer, TrustedIssuer
    from grantd_server.model.registered import Registration

TENANT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._:@-]{0,126}[A-Za-z0-9])?")
"""No slash and no bar: those set a tenant apart from what stands beside it."""

Bindings = dict[tuple[str, str | None], str]
"""By an issuer's name and its tenant (None where it has none): the server's tenant."""


@dataclass(frozen=True, slots=True)
class TenantSource:
    """What puts the people of one identity provider in a tenant. Exactly one is set."""

    fixed: str | None = None
    claim: str | None = None


def split_place(text: str) -> tuple[str, str | None]:
    """`ISSUER/TENANT`, or `ISSUER` alone."""
    name, slash, tenant = text.partition("/")
    return name, tenant if slash else None


def join_place(name: str, tenant: str | None) -> str:
    """What `split_place` takes apart."""
    return name if tenant is None else f"{name}/{tenant}"


def tenants_of(bindings: Mapping[tuple[str, str | None], str]) -> frozenset[str]:
    """The tenants of a server; none where it has none."""
    return frozenset(bindings.values())


def tenant_fault(
    server: AuthorizationServer, trusted: TrustedIssuer, client: Registration, tenant: str | None
) -> str | None:
    """Why a grant of this tenant is worth nothing to this client, or None."""
    if trusted.tenants is not None and tenant not in trusted.tenants:
        return f"a tenant of {trusted.name} that this server does not trust" if tenant else "no tenant"
    if trusted.tenants is None and tenant is not None:
        return f"a tenant, and {trusted.name} has none"
    if server.tenants is not None and server.tenants.get((trusted.name, tenant)) != client.tenant:
        return "a tenant other than the client's"
    if client.tenants is not None and join_place(trusted.name, tenant) not in client.tenants:
        return f"a tenant that {client.client} may not act for"
    return None
