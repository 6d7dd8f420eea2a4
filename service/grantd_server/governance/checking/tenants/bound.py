"""Checks that tenants exist, that each issuer's tenant is bound to one of a server, and
that nobody is in none: a grant of one tenant must never be worth anything in another."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from grantd_server.governance.checking.tenants.rules import check_rule_tenants
from grantd_server.governance.reading.declared import sound
from grantd_server.model.bundle.tenants import join_place, split_place

if TYPE_CHECKING:
    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.declared import At, Bundle, Declared, Server
    from grantd_server.model.bundle.governed import GrantIssuer, IdentityProvider


def check_tenants(bundle: Bundle, faults: Faults) -> None:
    """Checks issuers, servers, clients and rules."""
    for issuer, declared in sound(bundle.grant_issuers):
        _check_providers(bundle, issuer, declared, faults)
    for server, placed in sound(bundle.authorization_servers):
        _check_bindings(bundle, server, placed, faults)
        _check_trusts(bundle, server, placed, faults)
        _check_accounts(bundle, server, placed, faults)
    for client, holder in sound(bundle.clients):
        for at in client.at:
            _check_client(bundle, at, f"{holder.label}.at.{at.place}", faults)
    check_rule_tenants(bundle, faults)


def tenants_of_issuer(bundle: Bundle, name: str) -> frozenset[str] | None:
    """The tenants of an issuer, ours or foreign; None where it could not be read."""
    declared = bundle.grant_issuers.get(name) or bundle.trusted_issuers.get(name)
    return None if declared is None or declared.value is None else declared.value.tenants


def _check_providers(bundle: Bundle, issuer: GrantIssuer, declared: Declared[GrantIssuer], faults: Faults) -> None:
    for place, name in enumerate(issuer.identity_providers):
        provider = bundle.identity_providers.get(name)
        if provider is None or provider.value is None:
            continue
        source, node = provider.value.tenant, declared.node.at("identity_providers", place)
        if source is None and issuer.tenants:
            faults.add(node, declared.label, f"{issuer.name} has tenants, and {name} does not say its people's tenant")
        elif source is not None and not issuer.tenants:
            faults.add(node, declared.label, f"{name} puts people in tenants, and {issuer.name} declares none")
        elif source is not None and source.fixed is not None and source.fixed not in issuer.tenants:
            faults.add(node, declared.label, f"{name} is in the tenant {source.fixed}, which {issuer.name} has not")


def _check_bindings(bundle: Bundle, server: Server, declared: Declared[Server], faults: Faults) -> None:
    bound: dict[str, str] = {}
    for tenant, places in server.tenants.items():
        for number, place in enumerate(places):
            node, label = declared.node.at("tenants", tenant, number), f"{declared.label}.tenants.{tenant}"
            if place in bound:
                faults.add(node, label, f"{place} belongs to the tenant {bound[place]} already")
            bound.setdefault(place, tenant)
            sentence = _not_bindable(bundle, server, place)
            if sentence is not None:
                faults.add(node, label, sentence)


def _not_bindable(bundle: Bundle, server: Server, place: str) -> str | None:
    name, tenant = split_place(place)
    if name not in bundle.grant_issuers and (server.foreign or name not in bundle.trusted_issuers):
        return f'there is no {"grant issuer" if server.foreign else "grant issuer and no trusted issuer"} "{name}"'
    if not server.foreign and name not in {trust.name for trust in server.trusts}:
        return f"{server.name} does not trust {name}"
    known = tenants_of_issuer(bundle, name)
    if known is None or tenant in known:
        return None
    if tenant is not None:
        return f"{name} has no tenant {tenant}"
    if known:
        return f"{name} has tenants; write {name}/TENANT"
    if name in bundle.grant_issuers:
        # Where the server has tenants its grants name one of the issuer's.
        return f"{name} has no tenants, and its grants for {server.name} must name one; declare tenants for it"
    return None


def _check_trusts(bundle: Bundle, server: Server, declared: Declared[Server], faults: Faults) -> None:
    bound = {split_place(place)[0] for places in server.tenants.values() for place in places}
    for trust in server.trusts:
        known, label = tenants_of_issuer(bundle, trust.name), f"{declared.label}.trusts.{trust.name}"
        if server.tenants:
            if trust.name not in bound:
                faults.at_key(trust.node, label, f"no tenant of {server.name} is said to be {trust.name}'s")
            if trust.tenants:
                faults.add(trust.node.at("tenants"), label, f"{server.name} has tenants; bind the issuer's to them")
        elif known and not trust.tenants:
            faults.add(trust.node, label, f'{trust.name} has tenants: the key "tenants" says which are trusted')
        elif known is not None:
            for place, tenant in enumerate(trust.tenants):
                if tenant not in known:
                    faults.add(trust.node.at("tenants", place), label, f"{trust.name} has no tenant {tenant}")


def _check_accounts(bundle: Bundle, server: Server, declared: Declared[Server], faults: Faults) -> None:
    """`aud_sub` is unique within `aud_tenant` (A-65): no two providers give accounts of one."""
    label = f"{declared.label}.account_claims"
    reached: dict[str, set[str | None]] = {}
    for name in server.account_claims:
        provider = bundle.identity_providers.get(name)
        if provider is None:
            node = declared.node.at("account_claims", name)
            faults.at_key(node, label, f'there is no identity provider "{name}"')
        elif provider.value is not None:
            reached[name] = _reached(bundle, server, provider.value)
    for one, other in combinations(sorted(reached), 2):
        if reached[one] & reached[other]:
            sentence = f"{one} and {other} would give accounts of one tenant, and two people could be one"
            faults.at_key(declared.node.at("account_claims", other), label, sentence)


def _reached(bundle: Bundle, server: Server, provider: IdentityProvider) -> set[str | None]:
    """The server's tenants in which people of a provider may be."""
    if not server.tenants:
        return {None}
    places = {place: tenant for tenant, bound in server.tenants.items() for place in bound}
    found: set[str | None] = set()
    for issuer, _ in sound(bundle.grant_issuers):
        source = provider.tenant
        if provider.name in issuer.identity_providers and source is not None:
            tenants = issuer.tenants if source.fixed is None else {source.fixed}
            found |= {places[place] for tenant in tenants if (place := join_place(issuer.name, tenant)) in places}
    return found


def _check_client(bundle: Bundle, at: At, label: str, faults: Faults) -> None:
    server = bundle.authorization_servers.get(at.name)
    if server is not None and server.value is not None:
        known = server.value.tenants
        if known and at.tenant not in known:
            faults.at_key(at.node, label, f"{at.name} has tenants; write {at.name}/TENANT, one of {', '.join(known)}")
        elif at.tenant is not None and not known:
            faults.at_key(at.node, label, f"{at.name} has no tenants")
    elif at.name in bundle.grant_issuers and at.tenant is not None:
        faults.at_key(at.node, label, f"{at.name} is a grant issuer; say tenants below it")
    for place, named in enumerate(at.tenants or ()):
        name, tenant = (at.name, named) if at.name in bundle.grant_issuers else split_place(named)
        there = tenants_of_issuer(bundle, name)
        if tenant not in (there or ()):
            faults.add(at.node.at("tenants", place), f"{label}.tenants", f'there is no tenant "{named}" here')
