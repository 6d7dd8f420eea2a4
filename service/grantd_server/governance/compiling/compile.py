"""Compiles a stored document into a snapshot. Pure but for the secrets it resolves;
meant to run in a thread."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING

from grantd_server.governance.checking.validation import validate
from grantd_server.governance.compiling.acr_values import acr_values
from grantd_server.governance.compiling.detail_types import detail_types, details_offered
from grantd_server.governance.compiling.parties import (
    account_claims,
    bindings,
    grant_issuers,
    identity_providers,
    providers,
    saml_providers,
    servers,
)
from grantd_server.governance.compiling.registrations import Registered, registered
from grantd_server.governance.compiling.rules import grant_rules, redemption_rules
from grantd_server.governance.document import FORMAT, version_of
from grantd_server.governance.faults import Faults
from grantd_server.governance.reading.declared import sound
from grantd_server.governance.reading.sections import read_bundle
from grantd_server.governance.reading.texts.nodes import nodes_of
from grantd_server.governance.snapshot import Lookups, Snapshot
from grantd_server.model.bundle.governed import ForeignAuthorizationServer
from grantd_server.model.certificates import CertificateCredential
from grantd_server.model.uris import is_bare_origin, normalise_resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.governance.reading.declared import Bundle
    from grantd_server.governance.secrets.references import SecretResolver
    from grantd_server.model.bundle.governed import Resource
    from grantd_server.model.registered import Registration, ResourceServer


def compile_document(document: bytes, resolve: SecretResolver, *, epoch: int, fingerprint_key: bytes) -> Snapshot:
    """Validates a document again and builds its snapshot.

    The document comes from a database: what the applier checked is checked here too.

    Raises:
        BundleError: it is not a valid bundle.
        SecretUnresolved: a referenced secret is missing or too weak; the old snapshot
            stays in force.
    """
    bundle = _read(document)
    parties = registered(bundle, resolve)
    known = {resource.name: resource for resource, _ in sound(bundle.resources)}
    people = identity_providers(bundle)
    version = version_of(document)
    return Snapshot(
        version=version,
        effective_version=_effective(version, parties, fingerprint_key),
        epoch=epoch,
        grant_issuers=grant_issuers(bundle),
        authorization_servers=servers(bundle),
        account_claims=account_claims(bundle),
        detail_types=detail_types(bundle, known),
        details_offered=details_offered(bundle),
        acr_values=acr_values(bundle, known),
        foreign_servers=_foreign(bundle),
        identity_providers=people,
        resources=known,
        lookups=Lookups(
            registrations=parties.by_id,
            client_ids=parties.by_name,
            client_peers=parties.by_peer,
            resource_servers=parties.servers_by_id,
            resource_server_peers=parties.servers_by_peer,
            resources=_spellings(known),
            providers=providers(bundle, people),
            saml_providers=saml_providers(bundle, people),
            grant_rules=grant_rules(bundle, known),
            redemption_rules=redemption_rules(bundle, known),
            document_issuers=frozenset(parties.document_issuers),
            certificate_issuers=_by_certificate([*parties.by_id.values(), *parties.servers_by_id.values()]),
        ),
    )


def _by_certificate(parties: list[Registration | ResourceServer]) -> frozenset[str]:
    """The issuers at which somebody is known by a certificate."""
    return frozenset(
        party.issuer
        for party in parties
        if any(isinstance(credential, CertificateCredential) for credential in party.credentials)
    )


def _read(document: bytes) -> Bundle:
    faults = Faults()
    try:
        content = json.loads(document)
        if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
            faults.at("document", 0, 0, f"a document of format {FORMAT} is expected")
    except ValueError:
        content = {}
        faults.at("document", 0, 0, "the document is not JSON")
    faults.raise_if_any()
    bundle = read_bundle(nodes_of(content, "document"), faults)
    validate(bundle, faults)
    faults.raise_if_any()
    return bundle


def _foreign(bundle: Bundle) -> dict[str, ForeignAuthorizationServer]:
    return {
        server.issuer: ForeignAuthorizationServer(
            *(server.name, server.issuer, server.trust_domain, bindings(server), dict(server.account_claims)),
            grant_lifetime=server.abroad.grant_lifetime if server.abroad else None,
            name_id_issuers=server.abroad.name_id_issuers if server.abroad else frozenset(),
        )
        for server, _ in sound(bundle.authorization_servers)
        if server.foreign
    }


def _spellings(resources: Mapping[str, Resource]) -> dict[tuple[str, str], Resource]:
    """Every accepted spelling, normalised: the identifier, its aliases, and for a bare
    origin the form with or without slash (G-27)."""
    table: dict[tuple[str, str], Resource] = {}
    for resource in resources.values():
        for uri in (resource.uri, *resource.aliases):
            spelled = normalise_resource(uri)
            table[resource.authorization_server, spelled] = resource
            if is_bare_origin(spelled):
                table[resource.authorization_server, spelled.rstrip("/")] = resource
                table[resource.authorization_server, spelled.rstrip("/") + "/"] = resource
    return table


def _effective(version: str, parties: Registered, fingerprint_key: bytes) -> str:
    """Two replicas with different secret files must not look alike; the fingerprint is
    keyed, so that nobody tests guesses against it."""
    if not parties.resolved:
        return version
    found = "\n".join(f"{label} {digest.hex()}" for label, digest in sorted(parties.resolved))
    fingerprint = hmac.new(fingerprint_key, found.encode(), hashlib.sha256).hexdigest()[:16]
    return f"{version}+{fingerprint}"
