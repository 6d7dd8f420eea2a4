"""Leg 1 again: from the registration of the client to the scopes that rules grant.

Replayed in this order: issuer, client, proof demanded, provider, tenant, audience, tenant
there, client id there, resources, scopes, rules, details. Not replayed, because the bundle
is not what decided them or the record does not hold them: credentials, signatures, times.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from grantd_server.checks import GRANT_TYPE_TOKEN_EXCHANGE, scope_names
from grantd_server.model.bundle.governed import ForeignAuthorizationServer
from grantd_server.policy.combining import share
from grantd_server.policy.decide import granted_or_denied
from grantd_server.simulation.replay.answer import Answer, refused, undetermined
from grantd_server.simulation.replay.details import agreed, asked_details, unread
from grantd_server.simulation.replay.open_rules import hinging

if TYPE_CHECKING:
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.governed import AuthorizationServer, GrantIssuer, Resource
    from grantd_server.model.bundle.rules import GrantInputs
    from grantd_server.model.registered import Registration
    from grantd_server.simulation.replay.candidate import Candidate
    from grantd_server.simulation.replay.case import Case
    from grantd_server.simulation.replay.details import AskedDetail


class _Target(NamedTuple):
    issuer: GrantIssuer
    server: AuthorizationServer | ForeignAuthorizationServer
    resources: list[tuple[Resource, str]]


def replay_exchange(candidate: Candidate, case: Case, person: GrantInputs) -> Answer:
    """What the candidate grants."""
    snapshot = candidate.snapshot
    issuer = snapshot.grant_issuers.get(case.issuer)
    client = candidate.client(case)
    if issuer is None or client is None or GRANT_TYPE_TOKEN_EXCHANGE not in client.grant_types:
        return refused()
    if not _proof_fits(case, issuer, client) or not _provider_fits(issuer, client, person):
        return refused()
    tenant, told = _tenant(candidate, case, issuer, person)
    if not told:
        return undetermined("tenant")
    if issuer.tenants and (
        tenant not in issuer.tenants or (client.tenants is not None and tenant not in client.tenants)
    ):
        return refused()
    server = _audience(snapshot, case, issuer, client, tenant)
    if server is None:
        return refused()
    resources = _resources(snapshot, case, server)
    if not resources:
        return refused()
    return _policy(
        candidate,
        case,
        person if person.tenant == tenant else replace(person, tenant=tenant),
        _Target(issuer, server, resources),
    )


def _proof_fits(case: Case, issuer: GrantIssuer, client: Registration) -> bool:
    proof = bool(case.asked.get("proof"))
    if issuer.dpop is None:
        return not proof
    return proof or bool(case.names) or not (issuer.dpop.required or client.dpop_bound)


def _provider_fits(issuer: GrantIssuer, client: Registration, person: GrantInputs) -> bool:
    name = person.identity_provider
    return name in issuer.identity_providers and (
        client.identity_providers is None or name in client.identity_providers
    )


def _tenant(candidate: Candidate, case: Case, issuer: GrantIssuer, person: GrantInputs) -> tuple[str | None, bool]:
    """The user's tenant, and whether the record tells it."""
    if not issuer.tenants:
        return None, True
    provider = candidate.snapshot.identity_providers[person.identity_provider]
    if provider.tenant is not None and provider.tenant.fixed is not None:
        return provider.tenant.fixed, True
    same = "tenant" not in candidate.changed(case.version, person.identity_provider)
    return person.tenant, person.tenant is not None and same


def _audience(
    snapshot: Snapshot, case: Case, issuer: GrantIssuer, client: Registration, tenant: str | None
) -> AuthorizationServer | ForeignAuthorizationServer | None:
    """The server that a grant may be for, or None."""
    audience = case.asked["audience"]
    server = snapshot.audience(audience[0]) if len(audience) == 1 else None
    if server is None or server.trust_domain == issuer.trust_domain:
        return None
    aud_tenant = None
    if server.tenants is not None:
        aud_tenant = server.tenants.get((issuer.name, tenant))
        if aud_tenant is None:
            return None
    if snapshot.registration_of(client.client, server.issuer, aud_tenant) is not None:
        return server
    return server if isinstance(server, ForeignAuthorizationServer) and client.known_by_document else None


def _resources(
    snapshot: Snapshot, case: Case, server: AuthorizationServer | ForeignAuthorizationServer
) -> list[tuple[Resource, str]]:
    """The resources with their spellings; none where one is a stranger."""
    if case.names:
        known = snapshot.resources.get(case.names[0])
        return [(known, known.name)] if known is not None and known.authorization_server == server.name else []
    found: dict[str, tuple[Resource, str]] = {}
    for spelled in case.asked["resource"]:
        resource = snapshot.resource_at(server.name, spelled)
        if resource is None:
            return []
        found.setdefault(resource.name, (resource, spelled))
    if not case.asked["resource"]:
        governed = [one for one in snapshot.resources.values() if one.authorization_server == server.name]
        return [(governed[0], governed[0].uri)] if len(governed) == 1 else []
    return list(found.values())


def _policy(candidate: Candidate, case: Case, person: GrantInputs, target: _Target) -> Answer:
    details = asked_details(candidate.snapshot, case, target.server.name)
    if details is None:
        return refused()
    if any(one.detail.kind.resource not in {resource.name for resource, _ in target.resources} for one in details):
        return refused()
    try:
        wanted = _scopes(case, person)
    except ValueError:
        return refused()
    rules = candidate.snapshot.grant_rules(target.issuer.name)
    unrecorded = candidate.unrecorded(case, rules, person)
    attempts, decided = {}, []
    rule_of: dict[str, str] = {}
    answer = Answer({}, {}, {spelled: resource.name for resource, spelled in target.resources})
    for resource, spelled in target.resources:
        asked = wanted if wanted is not None else _defaults(resource, details)
        inputs = replace(person, resource=resource.name, scopes=tuple(s for s in asked if s in resource.scopes))
        if unrecorded and (hanging := hinging(rules, inputs, unrecorded)):
            return Answer(open=hanging)
        granted, denied = granted_or_denied(rules, inputs)
        attempts[resource.name] = inputs
        decided.append((spelled, asked, granted))
        answer.denied.update({(spelled, scope): rule for scope, rule in denied.items()})
        rule_of |= granted
    scopes, kept = share(decided)
    if not scopes:
        return answer
    if (fault := unread(candidate.snapshot, case, target.server.name)) is not None:
        return fault
    answer.granted.update({(spelled, scope): rule_of[scope] for spelled in kept for scope in scopes})
    if not details:
        return answer
    at = {name: inputs for name, inputs in attempts.items() if any(answer.names[spelled] == name for spelled in kept)}
    return agreed(answer, details, scopes, at, rules, needed=True)


def _scopes(case: Case, person: GrantInputs) -> tuple[str, ...] | None:
    """The scopes asked for; None where none was named. Raises ValueError."""
    if case.names:
        return person.scopes
    raw_scope = case.asked.get("scope")
    return None if raw_scope is None else scope_names(raw_scope)


def _defaults(resource: Resource, details: tuple[AskedDetail, ...]) -> tuple[str, ...]:
    needed = (one.detail.kind.scope for one in details if one.detail.kind.resource == resource.name)
    return tuple(dict.fromkeys((*resource.default_scopes, *needed)))
