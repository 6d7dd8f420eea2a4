"""Compiles identity providers, grant issuers and authorization servers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grantd_server.governance.reading.declared import sound
from grantd_server.model.bundle.governed import AuthorizationServer, TrustedIssuer
from grantd_server.model.bundle.tenants import split_place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.governance.reading.declared import Bundle, Server, Trust
    from grantd_server.model.bundle.governed import GrantIssuer, IdentityProvider
    from grantd_server.model.bundle.tenants import Bindings


def grant_issuers(bundle: Bundle) -> dict[str, GrantIssuer]:
    """Ours, by issuer identifier."""
    return {issuer.issuer: issuer for issuer, _ in sound(bundle.grant_issuers)}


def identity_providers(bundle: Bundle) -> dict[str, IdentityProvider]:
    """By name, each with its directory, if it has one."""
    directories = {name: declared.value for name, declared in bundle.directories.items()}
    return {
        provider.name: replace(provider, directory=directories.get(provider.name))
        for provider, _ in sound(bundle.identity_providers)
    }


def providers(bundle: Bundle, known: Mapping[str, IdentityProvider]) -> dict[tuple[str, str], IdentityProvider]:
    """By grant issuer name and the provider's issuer identifier: those with ID tokens."""
    return {
        (issuer.name, known[name].issuer): known[name]
        for issuer, _ in sound(bundle.grant_issuers)
        for name in issuer.identity_providers
        if known[name].algorithms
    }


def saml_providers(bundle: Bundle, known: Mapping[str, IdentityProvider]) -> dict[str, dict[str, IdentityProvider]]:
    """By grant issuer name, then by entity id; issuers without any are left out."""
    found: dict[str, dict[str, IdentityProvider]] = {}
    for issuer, _ in sound(bundle.grant_issuers):
        for name in issuer.identity_providers:
            if (saml := known[name].saml) is not None:
                found.setdefault(issuer.name, {})[saml.entity_id] = known[name]
    return found


def servers(bundle: Bundle) -> dict[str, AuthorizationServer]:
    """Ours, by issuer identifier, with their trust resolved."""
    found = {}
    for server, _ in sound(bundle.authorization_servers):
        if not server.foreign:
            trusted = [_trusted(bundle, server, trust) for trust in server.trusts]
            found[server.issuer] = AuthorizationServer(
                name=server.name,
                issuer=server.issuer,
                trust_domain=server.trust_domain,
                algorithm=server.algorithm,
                token_lifetime=server.token_lifetime,
                trusted={issuer.issuer: issuer for issuer in trusted},
                default_scopes=dict(server.default_scopes),
                tenants=bindings(server),
                account_claims=dict(server.account_claims),
                dpop=server.dpop,
                jwt_dpop=server.jwt_dpop,
            )
    return found


def account_claims(bundle: Bundle) -> dict[str, frozenset[str]]:
    """By provider: every claim that a server is told as `aud_sub`."""
    found: dict[str, frozenset[str]] = {}
    for server, _ in sound(bundle.authorization_servers):
        for provider, claim in server.account_claims.items():
            found[provider] = found.get(provider, frozenset()) | {claim}
    return found


def bindings(server: Server) -> Bindings | None:
    """Which of a server's tenants each issuer, or tenant of it, belongs to."""
    if not server.tenants:
        return None
    return {split_place(place): tenant for tenant, places in server.tenants.items() for place in places}


def _trusted(bundle: Bundle, server: Server, trust: Trust) -> TrustedIssuer:
    ours = bundle.grant_issuers.get(trust.name)
    if ours is not None and ours.value is not None:
        issuer, domain, keys = ours.value.issuer, ours.value.trust_domain, None
        algorithms, required = frozenset({ours.value.algorithm}), {}
    else:
        foreign = bundle.trusted_issuers[trust.name].value
        if foreign is None:
            raise AssertionError("a valid bundle has no broken object")
        issuer, domain, keys, algorithms = foreign.issuer, foreign.trust_domain, foreign.keys, foreign.algorithms
        required = dict(foreign.require_claims)
    return TrustedIssuer(
        name=trust.name,
        issuer=issuer,
        trust_domain=domain,
        keys=keys,
        algorithms=algorithms,
        resources=frozenset(trust.resources),
        max_lifetime=trust.max_lifetime,
        reuse_limit=trust.reuse_limit,
        subject=trust.subject,
        require_claims=required,
        resource_claim=trust.resource_claim,
        known_subjects=trust.known_subjects,
        tenants=_trusted_tenants(server, trust),
    )


def _trusted_tenants(server: Server, trust: Trust) -> frozenset[str] | None:
    bound = {split_place(place) for places in server.tenants.values() for place in places}
    named = {tenant for name, tenant in bound if name == trust.name and tenant is not None}
    return frozenset(named | set(trust.tenants)) or None
