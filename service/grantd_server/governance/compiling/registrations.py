"""Compiles clients and resource servers; resolves the secrets that they refer to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grantd_server.governance.checking.clients.shared_credentials import check_shared, holders
from grantd_server.governance.faults import Faults
from grantd_server.governance.reading.declared import Secret, sound
from grantd_server.governance.secrets.references import SecretUnresolved, digest_of
from grantd_server.model.registered import PeerCredential, Registration, ResourceServer, SecretCredential

if TYPE_CHECKING:
    from grantd_server.governance.reading.declared import Bundle, Proof, SecretReference
    from grantd_server.governance.secrets.references import SecretResolver
    from grantd_server.model.registered import Credential

Digests = dict["SecretReference", bytes]


@dataclass(slots=True)
class Registered:
    """Everybody who authenticates, by issuer and what they are looked up with."""

    by_id: dict[tuple[str, str], Registration] = field(default_factory=dict)
    by_name: dict[tuple[str, str, str | None], Registration] = field(default_factory=dict)
    """By client name, issuer and the tenant of that server."""
    by_peer: dict[tuple[str, str], Registration] = field(default_factory=dict)
    servers_by_id: dict[tuple[str, str], ResourceServer] = field(default_factory=dict)
    servers_by_peer: dict[tuple[str, str], ResourceServer] = field(default_factory=dict)
    document_issuers: set[str] = field(default_factory=set)
    """Where a client is known by its metadata document."""
    resolved: list[tuple[str, bytes]] = field(default_factory=list)
    """Reference and digest of every secret that was looked up."""


def registered(bundle: Bundle, resolve: SecretResolver) -> Registered:
    """Compiles all parties.

    Raises:
        SecretUnresolved: names every reference that failed.
        BundleError: a resolved secret turns out to be in two places.
    """
    digests = _resolve(bundle, resolve)
    faults = Faults()
    check_shared(bundle, faults, lambda secret: secret.digest or digests.get(_reference(secret)))
    faults.raise_if_any()
    issuers = {issuer.name: issuer.issuer for issuer, _ in sound(bundle.grant_issuers)}
    issuers |= {server.name: server.issuer for server, _ in sound(bundle.authorization_servers)}
    out = Registered(resolved=[(str(reference), digest) for reference, digest in digests.items()])
    _add_clients(out, bundle, issuers, digests)
    for server, _ in sound(bundle.resource_servers):
        issuer, credentials = issuers[server.at], _credentials(server.proofs, digests)
        asking = ResourceServer(server.name, issuer, server.client_id, credentials, frozenset(server.resources))
        out.servers_by_id[issuer, server.client_id] = asking
        out.servers_by_peer |= {(issuer, peer): asking for peer in _peers(credentials)}
    return out


def _add_clients(out: Registered, bundle: Bundle, issuers: dict[str, str], digests: Digests) -> None:
    for client, _ in sound(bundle.clients):
        for at in client.at:
            issuer = issuers[at.name]
            credentials = _credentials(at.proofs, digests)
            registration = Registration(
                client=client.name,
                issuer=issuer,
                client_id=at.client_id,
                credentials=credentials,
                grant_types=at.grant_types,
                sso_client_ids=dict(at.sso),
                identity_providers=None if at.identity_providers is None else frozenset(at.identity_providers),
                reuse_limit=at.reuse_limit,
                tenant=at.tenant,
                tenants=None if at.tenants is None else frozenset(at.tenants),
                dpop_bound=at.dpop_bound,
            )
            out.by_name[client.name, issuer, at.tenant] = registration
            if at.proofs:
                out.by_id[issuer, at.client_id] = registration
                if registration.known_by_document:
                    out.document_issuers.add(issuer)
                out.by_peer |= {(issuer, peer): registration for peer in _peers(credentials)}


def _resolve(bundle: Bundle, resolve: SecretResolver) -> Digests:
    digests: Digests = {}
    failed: list[str] = []
    for holder in holders(bundle):
        for proof in holder.proofs:
            if isinstance(proof.credential, Secret) and proof.credential.reference is not None:
                try:
                    digests[proof.credential.reference] = digest_of(proof.credential.reference, resolve)
                except SecretUnresolved as unresolved:
                    failed.append(f"{holder.label}: {unresolved}")
    if failed:
        raise SecretUnresolved("\n".join(failed))
    return digests


def _credentials(proofs: tuple[Proof, ...], digests: Digests) -> tuple[Credential, ...]:
    return tuple(
        SecretCredential(proof.credential.digest or digests[_reference(proof.credential)], proof.credential.expires)
        if isinstance(proof.credential, Secret)
        else proof.credential
        for proof in proofs
    )


def _reference(secret: Secret) -> SecretReference:
    if secret.reference is None:
        raise AssertionError("a secret has a digest or a reference")
    return secret.reference


def _peers(credentials: tuple[Credential, ...]) -> list[str]:
    return [credential.identity for credential in credentials if isinstance(credential, PeerCredential)]
