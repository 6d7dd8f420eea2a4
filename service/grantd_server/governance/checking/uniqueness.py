"""Refuses two objects where one is meant: names, issuers, client ids, resources, rules."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from grantd_server.governance.reading.declared import sound
from grantd_server.model.registered import DocumentCredential
from grantd_server.model.uris import is_bare_origin, normalise_resource

if TYPE_CHECKING:
    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.declared import At, Bundle
    from grantd_server.governance.reading.texts.nodes import Node


def check_uniqueness(bundle: Bundle, faults: Faults) -> None:
    """Checks everything that must be there once."""
    _check_names(bundle, faults)
    _check_issuers(bundle, faults)
    _check_entity_ids(bundle, faults)
    _check_client_ids(bundle, faults)
    _check_documents(bundle, faults)
    _check_resources(bundle, faults)
    _check_rule_ids(bundle, faults)
    _check_subject_namespace(bundle, faults)


def _check_names(bundle: Bundle, faults: Faults) -> None:
    """Clients and trusts name issuers and servers without saying which section."""
    sections = (bundle.grant_issuers, bundle.trusted_issuers, bundle.authorization_servers)
    seen: dict[str, str] = {}
    for section in sections:
        for name, declared in section.items():
            if name in seen:
                sentence = f"{seen[name]} has this name already; issuers and servers share one set of names"
                faults.at_key(declared.node, declared.label, sentence)
            seen.setdefault(name, declared.label)


def _check_issuers(bundle: Bundle, faults: Faults) -> None:
    issuers = [(one.issuer, at.node, at.label) for one, at in sound(bundle.grant_issuers)]
    servers = [(one.issuer, at.node, at.label) for one, at in sound(bundle.authorization_servers)]
    foreign = [(one.issuer, at.node, at.label) for one, at in sound(bundle.trusted_issuers)]
    providers = [(one.issuer, at.node, at.label) for one, at in sound(bundle.identity_providers) if one.algorithms]
    for others in (servers, foreign, providers):
        seen: dict[str, str] = {}
        for issuer, node, label in chain(issuers, others):
            if seen.setdefault(issuer, label) != label:
                faults.add(node.at("issuer"), label, f"{seen[issuer]} has the issuer {issuer} already")


def _check_entity_ids(bundle: Bundle, faults: Faults) -> None:
    """Apart from issuers: many a directory uses one identifier for both of its protocols."""
    seen: dict[str, str] = {}
    for provider, declared in sound(bundle.identity_providers):
        if provider.saml is None:
            continue
        entity_id = provider.saml.entity_id
        if seen.setdefault(entity_id, declared.label) != declared.label:
            node = declared.node.at("saml", "entity_id")
            faults.add(node, declared.label, f"{seen[entity_id]} has the entity id {entity_id} already")


def _check_client_ids(bundle: Bundle, faults: Faults) -> None:
    seen: dict[tuple[str, str], str] = {}
    places = [
        (_counted(bundle, at), at.client_id, at.node.at("client_id"), f"{declared.label}.at.{at.place}")
        for client, declared in sound(bundle.clients)
        for at in client.at
    ]
    places += [
        (server.at, server.client_id, declared.node.at("client_id"), declared.label)
        for server, declared in sound(bundle.resource_servers)
    ]
    for where, client_id, node, label in places:
        first = seen.setdefault((where, client_id), label)
        if first != label:
            faults.add(node, label, f"{first} has the client id {client_id} at {where} already")


def _counted(bundle: Bundle, at: At) -> str:
    """Where a client id is given once: at a server of ours, whatever its tenants, as the
    id alone is looked up there; a foreign server may give it once in each tenant."""
    server = bundle.authorization_servers.get(at.name)
    foreign = server is not None and server.value is not None and server.value.foreign
    return at.place if foreign else at.name


def _check_documents(bundle: Bundle, faults: Faults) -> None:
    """The address of a metadata document is one client, at however many issuers: under
    two names it would have two sets of rules."""
    seen: dict[str, str] = {}
    for client, declared in sound(bundle.clients):
        for at in client.at:
            if not any(isinstance(proof.credential, DocumentCredential) for proof in at.proofs):
                continue
            first = seen.setdefault(at.client_id, client.name)
            if first != client.name:
                node, label = at.node.at("client_id"), f"{declared.label}.at.{at.name}"
                faults.add(node, label, f"the client {first} has the metadata document {at.client_id} already")


def _check_resources(bundle: Bundle, faults: Faults) -> None:
    """One spelling means one resource, and a resource has one authorization server."""
    seen: dict[str, str] = {}
    for resource, declared in sound(bundle.resources):
        spelled = [(resource.uri, declared.node.at("uri"))]
        spelled += [(uri, declared.node.at("aliases", place)) for place, uri in enumerate(resource.aliases)]
        for uri, node in spelled:
            normalised = normalise_resource(uri)
            key = normalised.rstrip("/") if is_bare_origin(normalised) else normalised
            first = seen.get(key)
            if first == declared.label:
                faults.add(node, declared.label, f"{uri} is the same as another spelling of this resource")
            elif first is not None:
                faults.add(node, declared.label, f"{first} has {uri} already; a resource has one authorization server")
            seen.setdefault(key, declared.label)


def _check_rule_ids(bundle: Bundle, faults: Faults) -> None:
    """Over the whole bundle: records and explanations name rules by id alone."""
    seen: dict[str, Node] = {}
    for text, declared in chain(*(rules.sound() for rules in (*bundle.grants.values(), *bundle.redemptions.values()))):
        first = seen.setdefault(text.id, declared.node)
        if first is not declared.node:
            where = f"{first.file}, line {first.line}" if first.line else "another rule"
            faults.add(declared.node.at("id"), declared.label, f"the rule id is used already, in {where}")


def _check_subject_namespace(bundle: Bundle, faults: Faults) -> None:
    """G-25: a token whose `sub` is a client id must not read as a person."""
    users = {
        user.partition(":")[2]
        for rules in bundle.grants.values()
        for text, _ in rules.sound()
        if text.subjects is not None
        for user in text.subjects.users
    }
    for client, declared_client in sound(bundle.clients):
        for at in client.at:
            label, node = f"{declared_client.label}.at.{at.place}", at.node.at("client_id")
            if at.client_id in users:
                faults.add(node, label, f"the client id {at.client_id} is also the name of a user")
            elif at.client_id.partition(":")[0] in bundle.identity_providers and ":" in at.client_id:
                faults.add(node, label, f"the client id {at.client_id} reads as a user of an identity provider")
