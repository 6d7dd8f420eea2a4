"""Follows every name from one object to another; a name that leads nowhere is a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grantd_server.governance.checking.clients.places import check_clients
from grantd_server.governance.checking.elsewhere import elsewhere
from grantd_server.governance.reading.declared import sound

if TYPE_CHECKING:
    from collections.abc import Collection

    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.declared import Bundle, Declared, Server
    from grantd_server.governance.reading.texts.nodes import Node


def check_references(bundle: Bundle, faults: Faults) -> None:
    """Checks the names between parties, resources, clients and rule lists."""
    for issuer, declared in sound(bundle.grant_issuers):
        known, what = bundle.identity_providers, "identity provider"
        names = _Names(declared.node.at("identity_providers"), declared.label, issuer.identity_providers)
        names.check(known, what, bundle, faults)
    for server, placed in sound(bundle.authorization_servers):
        _check_trusts(bundle, server, placed, faults)
        _check_default_scopes(bundle, server, placed, faults)
    for resource, declared_resource in sound(bundle.resources):
        if resource.authorization_server not in bundle.authorization_servers:
            node = declared_resource.node.at("authorization_server")
            faults.add(
                node, declared_resource.label, f'there is no authorization server "{resource.authorization_server}"'
            )
    _check_resource_servers(bundle, faults)
    check_clients(bundle, faults)
    _check_rule_lists(bundle, faults)


def governed_by(bundle: Bundle, server: str) -> set[str]:
    """The names of the resources of one authorization server, those that could not be
    read included: they were told already."""
    return {
        name
        for name, resource in bundle.resources.items()
        if resource.value is None or resource.value.authorization_server == server
    }


def ours(bundle: Bundle) -> set[str]:
    """The names of our own authorization servers."""
    servers = bundle.authorization_servers.items()
    return {name for name, server in servers if server.value is None or not server.value.foreign}


def _check_trusts(bundle: Bundle, server: Server, declared: Declared[Server], faults: Faults) -> None:
    governed = governed_by(bundle, server.name)
    for trust in server.trusts:
        label = f"{declared.label}.trusts.{trust.name}"
        if trust.name not in bundle.grant_issuers and trust.name not in bundle.trusted_issuers:
            faults.at_key(trust.node, label, f'there is no grant issuer and no trusted issuer "{trust.name}"')
        names = _Names(trust.node.at("resources"), label, trust.resources)
        names.check(governed, f"resource of {server.name}", bundle, faults)


def _check_default_scopes(bundle: Bundle, server: Server, declared: Declared[Server], faults: Faults) -> None:
    label = f"{declared.label}.default_scopes"
    for name, scopes in server.default_scopes.items():
        node = declared.node.at("default_scopes", name)
        resource = bundle.resources.get(name)
        if name not in governed_by(bundle, server.name) or resource is None:
            faults.at_key(node, label, f'there is no resource of {server.name} "{name}"')
        elif resource.value is not None:
            _Names(node, f"{label}.{name}", scopes).check(resource.value.scopes, f"scope of {name}", bundle, faults)


def _check_resource_servers(bundle: Bundle, faults: Faults) -> None:
    for server, declared in sound(bundle.resource_servers):
        if server.at not in ours(bundle):
            faults.add(
                declared.node.at("at"), declared.label, f'there is no authorization server of ours "{server.at}"'
            )
            continue
        names = _Names(declared.node.at("resources"), declared.label, server.resources)
        names.check(governed_by(bundle, server.at), f"resource of {server.at}", bundle, faults)


def _check_rule_lists(bundle: Bundle, faults: Faults) -> None:
    for name, rules in bundle.grants.items():
        if name not in bundle.grant_issuers:
            faults.at_key(rules.node, "grants", f'there is no grant issuer "{name}"')
    for name, rules in bundle.redemptions.items():
        if name not in ours(bundle):
            faults.at_key(rules.node, "redemptions", f'there is no authorization server of ours "{name}"')


class _Names(NamedTuple):
    """A list of names that should lead somewhere."""

    node: Node
    label: str
    names: tuple[str, ...]

    def check(self, known: Collection[str], what: str, bundle: Bundle, faults: Faults) -> None:
        for place, name in enumerate(self.names):
            if name not in known:
                faults.add(self.node.at(place), self.label, f'there is no {what} "{name}"{elsewhere(bundle, name)}')
