"""Reads what puts people, issuers and clients in tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.texts import scalars
from grantd_server.model.bundle.tenants import TENANT, TenantSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.governance.reading.texts.fields import Fields
    from grantd_server.governance.reading.texts.nodes import Node


def read_source(fields: Fields) -> TenantSource | None:
    """`tenant` of an identity provider: a fixed one, or `{claim: tid}`."""
    inside = fields.inside_mapping("tenant")
    if inside is not None:
        source = TenantSource(claim=inside.required("claim", _immutable, ""))
        inside.close()
        return source
    fixed = fields.optional("tenant", scalars.tenant, None)
    return None if fixed is None else TenantSource(fixed=fixed)


def read_tenants(fields: Fields) -> frozenset[str]:
    """`tenants` of an issuer, ours or foreign."""
    return frozenset(fields.each("tenants", scalars.tenant, required=False))


def read_bound(fields: Fields) -> Mapping[str, tuple[str, ...]]:
    """`tenants` of a server: each with the issuers, or tenants of issuers, that are its."""
    found: dict[str, tuple[str, ...]] = {}
    for tenant, node in fields.mapping("tenants").items():
        label = f"{fields.label}.tenants.{tenant}"
        found[tenant] = fields.items_of(node, label, scalars.tenant_place)
        if TENANT.fullmatch(tenant) is None:
            fields.wrong("tenants", f'"{tenant}" is not a tenant: {scalars.TENANT_RULE}')
    return found


def read_account_claims(fields: Fields) -> Mapping[str, str]:
    """`account_claims`: by identity provider, the claim that is sent as `aud_sub`."""
    found: dict[str, str] = {}
    for provider, node in fields.mapping("account_claims").items():
        label = f"{fields.label}.account_claims.{provider}"
        found[provider] = fields.value_of(node, label, _immutable, "")
    return found


def _immutable(node: Node) -> str:
    """The name of a claim that says for ever where, or who, somebody is."""
    claim = scalars.text(node)
    if claim in {"email", "preferred_username", "upn"}:
        raise Wrong(f"{claim} changes hands; name a claim that never does, such as tid or oid")
    return claim
