"""Leg 2 again: from the registration of the client to the scopes that rules grant.

Replayed in this order: server, client, proof demanded, trust in the issuer, tenants, known
users, resources, scopes, rules, details. Not replayed, because the bundle is not what
decided them or the record does not hold them: credentials, the assertion itself, times,
which account a subject rule leads to.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from grantd_server.checks import GRANT_TYPE_JWT_BEARER, scope_names
from grantd_server.model.bundle.governed import SubjectRule
from grantd_server.model.bundle.tenants import tenant_fault
from grantd_server.policy.decide import granted_or_denied
from grantd_server.simulation.replay.answer import Answer, refused, undetermined
from grantd_server.simulation.replay.details import agreed, asked_details, unread

if TYPE_CHECKING:
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.governed import AuthorizationServer, Resource, TrustedIssuer
    from grantd_server.model.bundle.rules import RedemptionInputs
    from grantd_server.model.registered import Registration
    from grantd_server.simulation.replay.candidate import Candidate
    from grantd_server.simulation.replay.case import Case
    from grantd_server.simulation.replay.details import AskedDetail

Named = list[tuple["Resource", str]]
"""Resources with their spellings."""


def replay_redemption(candidate: Candidate, case: Case, presented: RedemptionInputs) -> Answer:
    """What the candidate grants."""
    snapshot = candidate.snapshot
    server, client = snapshot.authorization_servers.get(case.issuer), candidate.client(case)
    if server is None or client is None or GRANT_TYPE_JWT_BEARER not in client.grant_types:
        return refused()
    trusted = _trusted(server, case, presented)
    if trusted is None or not _proof_fits(case, server, client):
        return refused()
    if tenant_fault(server, trusted, client, presented.tenant) is not None:
        return refused()
    if not _aud_tenant_fits(case, server, trusted, client):
        return refused()
    known = _known(candidate, case, trusted)
    if known is None:
        return undetermined("subject")
    resources = _resources(snapshot, case, server, trusted) if known else []
    try:
        scopes = _scopes(case, server, presented, resources)
    except ValueError:
        return refused()
    if not resources or not scopes:
        return refused()
    return _policy(candidate, case, server, replace(presented, issuer=trusted.name, scopes=scopes), resources)


def _trusted(server: AuthorizationServer, case: Case, presented: RedemptionInputs) -> TrustedIssuer | None:
    if "iss" in case.asked:
        return server.trusted.get(case.asked["iss"])
    return next((one for one in server.trusted.values() if one.name == presented.issuer), None)


def _proof_fits(case: Case, server: AuthorizationServer, client: Registration) -> bool:
    proof = bool(case.asked.get("proof"))
    if server.dpop is None:
        return not proof and not case.asked.get("bound")
    return proof or bool(case.names) or not (server.dpop.required or client.dpop_bound)


def _aud_tenant_fits(case: Case, server: AuthorizationServer, trusted: TrustedIssuer, client: Registration) -> bool:
    aud_tenant = case.asked.get("aud_tenant")
    if aud_tenant is not None:
        return bool(aud_tenant == client.tenant)
    return bool(case.names) or trusted.subject.rule is not SubjectRule.AUD_SUB or server.tenants is None


def _known(candidate: Candidate, case: Case, trusted: TrustedIssuer) -> bool | None:
    """Whether the server knows the user; None where the record does not tell."""
    if trusted.known_subjects is None:
        return True
    if trusted.subject.rule is not SubjectRule.PASSTHROUGH:
        return None
    known = candidate.known_subjects(case, trusted.issuer, trusted.known_subjects)
    return None if known is None else case.subject in known


def _resources(snapshot: Snapshot, case: Case, server: AuthorizationServer, trusted: TrustedIssuer) -> Named:
    """The resources that are asked for; none where one may not be."""
    if case.names:
        named = snapshot.resources.get(case.names[0])
        governed = named is not None and named.authorization_server == server.name
        return [(named, named.name)] if named is not None and governed and named.name in trusted.resources else []
    spellings = case.asked["resource"]
    if not spellings and trusted.resource_claim:
        return []
    granted: dict[str, tuple[Resource, str]] = {}
    for spelled in spellings or [snapshot.resources[name].uri for name in trusted.resources]:
        resource = snapshot.resource_at(server.name, spelled)
        if resource is None or resource.name not in trusted.resources:
            return []
        granted.setdefault(resource.name, (resource, spelled))
    narrowed = case.asked.get("narrowed", {}).get("resource")
    if not narrowed:
        return list(granted.values())
    kept = {}
    for spelled in narrowed:
        wanted = snapshot.resource_at(server.name, spelled)
        if wanted is None or wanted.name not in granted:
            return []
        kept[wanted.name] = granted[wanted.name]
    return list(kept.values())


def _scopes(case: Case, server: AuthorizationServer, presented: RedemptionInputs, resources: Named) -> tuple[str, ...]:
    """The scopes asked for within the grant. Raises ValueError."""
    if case.names:
        return tuple(s for s in presented.scopes if all(s in resource.scopes for resource, _ in resources))
    raw_scope = case.asked.get("scope")
    if raw_scope is None:
        offered = tuple(s for resource, _ in resources for s in server.default_scopes.get(resource.name, ()))
    else:
        offered = tuple(raw_scope.split(" "))
    known = tuple(s for s in offered if all(s in resource.scopes for resource, _ in resources))
    narrowed = case.asked.get("narrowed", {}).get("scope")
    return known if narrowed is None else tuple(s for s in scope_names(narrowed) if s in known)


def _policy(
    candidate: Candidate, case: Case, server: AuthorizationServer, presented: RedemptionInputs, resources: Named
) -> Answer:
    rules = candidate.snapshot.redemption_rules(server.name)
    details = _details(candidate.snapshot, case, server.name)
    if details is None:
        return refused()
    answer = Answer({}, {}, {spelled: resource.name for resource, spelled in resources})
    scopes, attempts = presented.scopes, {}
    rule_of: dict[str, str] = {}
    for resource, spelled in resources:
        attempts[resource.name] = inputs = replace(presented, resource=resource.name)
        granted, denied = granted_or_denied(rules, inputs)
        scopes = tuple(scope for scope in scopes if scope in granted)
        rule_of |= granted
        answer.denied.update({(spelled, scope): rule for scope, rule in denied.items()})
    if not scopes:
        return answer
    if (fault := unread(candidate.snapshot, case, server.name)) is not None:
        return fault
    answer.granted.update({(spelled, scope): rule_of[scope] for _, spelled in resources for scope in scopes})
    return agreed(answer, details, scopes, attempts, rules, needed=False) if details else answer


def _details(snapshot: Snapshot, case: Case, server: str) -> tuple[AskedDetail, ...] | None:
    """The objects of the grant; None where they refuse the call: one is about a resource
    that the grant is not for, or the request names some and the grant has none."""
    details = asked_details(snapshot, case, server)
    if details is None or (case.asked.get("narrowed", {}).get("details") and "details" not in case.asked):
        return None
    about = {one.detail.kind.resource for one in details}
    at = {found.name for uri in case.asked.get("resource", ()) if (found := snapshot.resource_at(server, uri))}
    return details if about <= at else None
