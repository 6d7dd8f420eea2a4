"""The bundle's MCP servers and clients: spelling, scopes, the client-id mapping, methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd_server.doctor.checks.declared.parties import unknown
from grantd_server.doctor.findings import Finding, Party, Row, Severity, cut, listed
from grantd_server.model.certificates import CertificateCredential
from grantd_server.model.registered import DocumentCredential, KeyCredential, SecretCredential

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.doctor.reading.issuers import IssuerSeen
    from grantd_server.doctor.reading.resources import ResourceSeen
    from grantd_server.doctor.reading.view import View
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.registered import Credential, Registration

RESOURCE = Row(
    "governance.resource", Severity.ERROR, "The bundle does not know the MCP server at its authorization server.",
    "Register the URL that clients call, byte for byte, as `uri` or among `aliases`.",
)  # fmt: skip
SCOPES = Row(
    "governance.scopes", Severity.WARNING, "The MCP server lists scopes that the bundle does not have.",
    "Add them to the resource in the bundle, or let the MCP server leave them out.",
)  # fmt: skip
SCOPES_NEEDED = Row(
    "governance.scopes-needed", Severity.WARNING, "The bundle has no such scope of the MCP server as the client needs.",
    "Ask for a scope that the resource has in the bundle, or add this one.",
)  # fmt: skip
CLIENT = Row(
    "governance.client", Severity.ERROR, "The bundle does not know the client.",
    "Register the client at the issuer, or use the id that it is registered with.",
)  # fmt: skip
MAPPING = Row(
    "governance.mapping", Severity.ERROR, "The bundle does not map the client to this id at the authorization server.",
    "Write the client's id at that server below `at` of the client: the grant names it by that one.",
)  # fmt: skip
SSO = Row(
    "governance.sso", Severity.ERROR, "The bundle does not take sign-ins to this application for the client's.",
    "Add the id to `sso` of the client at the grant issuer: the audience of an ID token must be one of them.",
)  # fmt: skip
METHODS = Row(
    "governance.methods", Severity.ERROR, "No credential of the client in the bundle is of a kind that is taken.",
    "Give the client a credential of a listed method, or apply the bundle to the service that answers here.",
)  # fmt: skip
ALGORITHMS = Row(
    "governance.client-algorithms", Severity.ERROR, "The bundle takes the client's assertions under other algorithms than the live issuer.",
    "Register a key of the client for a listed algorithm, or apply the bundle to the service that answers here.",
)  # fmt: skip
ROWS: Final = (RESOURCE, SCOPES, SCOPES_NEEDED, CLIENT, MAPPING, SSO, METHODS, ALGORITHMS)

_METHODS: Final[dict[type, frozenset[str]]] = {
    SecretCredential: frozenset({"client_secret_basic", "client_secret_post"}),
    KeyCredential: frozenset({"private_key_jwt"}),
    DocumentCredential: frozenset({"private_key_jwt"}),
    CertificateCredential: frozenset({"tls_client_auth", "self_signed_tls_client_auth"}),
}
"""A TLS identity of a gRPC caller is none of these: it is no method of HTTP."""


def check(view: View) -> Iterator[Finding]:
    """Compares the MCP server and the client with what the bundle has of them."""
    if view.declared is None:
        return
    if view.resource is not None and view.server is not None:
        yield from _resource(view.declared, view.server, view.resource, view.setup.scopes)
    if view.issuer is not None and view.issuer.identifier in view.declared.grant_issuers:
        yield from _client(view, view.declared, view.issuer)
    for issuer, client_id in (
        (view.issuer, view.setup.client.at_grant_issuer),
        (view.server, view.setup.client.at_authorization_server),
    ):
        registration = None if issuer is None else view.declared.registration(issuer.identifier, client_id)
        if issuer is not None and issuer.metadata and registration is not None:
            yield from _methods(issuer, registration)


def _resource(declared: Snapshot, server: IssuerSeen, seen: ResourceSeen, needed: tuple[str, ...]) -> Iterator[Finding]:
    audience = declared.audience(server.identifier)
    if audience is None:
        return
    resource = declared.resource_at(audience.name, seen.identifier)
    if resource is None:
        known = [each.uri for each in declared.resources.values() if each.authorization_server == audience.name]
        yield unknown(RESOURCE, Party.BUNDLE, seen.identifier, known)
        return
    if lacking := [scope for scope in needed if scope not in resource.scopes]:
        evidence = f"{listed(lacking)} of {listed(sorted(resource.scopes))}"
        yield SCOPES_NEEDED.at(Party.BUNDLE, seen.identifier, evidence)
    if stray := sorted({*(seen.texts("scopes_supported") or ())} - resource.scopes):
        yield SCOPES.at(Party.BUNDLE, seen.identifier, f"{listed(stray)} of {listed(seen.texts('scopes_supported'))}")


def _client(view: View, declared: Snapshot, issuer: IssuerSeen) -> Iterator[Finding]:
    asked = view.setup.client
    if not asked.at_grant_issuer:
        return
    registration = declared.registration(issuer.identifier, asked.at_grant_issuer)
    if registration is None:
        known = [client_id for at, client_id in declared.lookups.registrations if at == issuer.identifier]
        yield unknown(CLIENT, Party.BUNDLE, asked.at_grant_issuer, known)
        return
    applications = {each for ids in registration.sso_client_ids.values() for each in ids}
    if asked.at_identity_provider and asked.at_identity_provider not in applications:
        yield SSO.at(Party.BUNDLE, asked.at_identity_provider, f"sso has {listed(sorted(applications))}")
    if view.server is not None and declared.audience(view.server.identifier) is not None:
        yield from _mapping(declared, registration, view.server.identifier, asked.at_authorization_server)


def _mapping(declared: Snapshot, registration: Registration, server: str, told: str) -> Iterator[Finding]:
    found = [
        each.client_id
        for (client, at, _tenant), each in declared.lookups.client_ids.items()
        if client == registration.client and at == server
    ]
    if not found or (told and told not in found):
        evidence = f"{cut(registration.client)} is {listed(found)} there; {cut(told)} was told"
        yield MAPPING.at(Party.BUNDLE, server, evidence)


def _methods(issuer: IssuerSeen, registration: Registration) -> Iterator[Finding]:
    ours = {method for each in registration.credentials for method in _kinds(each)}
    theirs = issuer.methods
    if ours and ours.isdisjoint(theirs):
        evidence = f"{cut(registration.client_id)} has {listed(sorted(ours))}; taken are {listed(theirs)}"
        yield METHODS.at(Party.BUNDLE, issuer.identifier, evidence)
    keys = [each for each in registration.credentials if isinstance(each, KeyCredential | DocumentCredential)]
    under = {alg for each in keys for alg in each.algorithms}
    taken = issuer.texts("token_endpoint_auth_signing_alg_values_supported")
    if taken and under and under.isdisjoint(taken):
        evidence = f"{cut(registration.client_id)}: {listed(sorted(under))}; taken are {listed(taken)}"
        yield ALGORITHMS.at(Party.BUNDLE, issuer.identifier, evidence)


def _kinds(credential: Credential) -> frozenset[str]:
    return _METHODS.get(type(credential), frozenset())
