"""Step 5 of RedeemGrant: what is granted: the request, the grant and the server's own
rules, intersected. Never wider than the grant (B-27)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grantd_server.checks import scope_names
from grantd_server.flows.terms.asked import note_details, note_types
from grantd_server.flows.terms.details import agree, grant_reading, read_parameter, read_values, request_reading, same
from grantd_server.model.bundle.rules import RedemptionInputs
from grantd_server.policy.decide import decide_redemption, redeems_detail
from grantd_server.policy.recorded import at_resource, to_json
from grantd_server.refusals import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.audit.record import Record
    from grantd_server.flows.terms.details import Agreed
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.grants.grant import Grant
    from grantd_server.model.bundle.details import Detail
    from grantd_server.model.bundle.governed import AuthorizationServer, Resource
    from grantd_server.model.registered import Registration
    from grantd_server.model.requests import Redeem
    from grantd_server.world import World


@dataclass(frozen=True, slots=True)
class Redemption:
    """Who redeems what, where."""

    server: AuthorizationServer
    client: Registration
    grant: Grant
    request: Redeem
    now: int

    def inputs(self, resource: str, scopes: tuple[str, ...]) -> RedemptionInputs:
        """What rules can read, for one resource."""
        return RedemptionInputs(
            issuer=self.grant.issuer.name,
            client=self.client.client,
            resource=resource,
            scopes=scopes,
            sign_in=self.grant.sign_in,
            tenant=self.grant.tenant,
            now=self.now,
        )

    def on_record(self) -> dict[str, Any]:
        """The same before it is known for which resource."""
        return to_json(self.inputs("", ()))


@dataclass(frozen=True, slots=True)
class Granted:
    """What the access token is for."""

    audiences: tuple[str, ...]
    """Canonical resource identifiers (C-04)."""
    resources: tuple[str, ...]
    """The same, in the spelling of the grant (X-18)."""
    scopes: tuple[str, ...]
    details: tuple[Detail, ...] = ()


def grant_at_server(world: World, snapshot: Snapshot, record: Record, redemption: Redemption) -> Granted:
    """Narrows resources, then scopes, then asks the redemption rules. The record holds
    who presents (`Redemption.on_record`); that becomes one recorded input a resource."""
    resources = _resources(world, snapshot, record, redemption)
    asked = _asked_scopes(record, redemption, resources)
    scopes, attempts = asked, {}
    start, record.inputs = record.inputs[0], []
    for resource, spelled in resources:
        inputs = redemption.inputs(resource.name, asked)
        attempts[resource.name] = inputs
        record.inputs.append(at_resource(start, resource.name, asked, spelled))
        decision = decide_redemption(snapshot.redemption_rules(redemption.server.name), inputs)
        scopes = tuple(scope for scope in scopes if scope in decision.granted)
        record.rules.update({scope: decision.granted[scope] for scope in scopes})
        record.near_misses += decision.near_misses
        record.shadow.update(decision.shadow)
        for scope, (why, rule) in decision.refused.items():
            record.refused_scopes[f"{resource.name} {scope}"] = f"{why.value} {rule}" if rule else why.value
    # A scope that one resource grants and another does not is granted by nobody.
    details: tuple[Detail, ...] = ()
    if redemption.grant.raw_details is not None or redemption.request.authorization_details is not None:
        scopes, details = _details(snapshot, record, redemption, scopes, attempts)
    record.rules = {name: rule for name, rule in record.rules.items() if name in scopes or name not in asked}
    expected = "a redemption rule that allows"
    record.require("policy.rule", bool(scopes), Reason.ASSERTION_POLICY, expected, list(asked), otherwise="no rule")
    record.scopes_granted = scopes
    record.resources = tuple(resource.uri for resource, _ in resources)
    record.noted("policy.granted", " ".join(asked), " ".join(scopes))
    return Granted(record.resources, tuple(spelled for _, spelled in resources), scopes, details)


def _details(
    snapshot: Snapshot,
    record: Record,
    redemption: Redemption,
    scopes: tuple[str, ...],
    attempts: Mapping[str, RedemptionInputs],
) -> Agreed:
    """B-37: the objects of the grant, of which the request may leave some out, and the
    rules of this server may, too."""
    server, rules = redemption.server.name, snapshot.redemption_rules(redemption.server.name)
    raw = redemption.grant.raw_details
    offered: tuple[Detail, ...] = ()
    if raw is not None:
        note_types(record, snapshot, server)
        offered = read_values(grant_reading(record, snapshot, server), raw)
    for detail in offered:
        named = any(snapshot.resource_at(server, uri) is snapshot.resources[detail.kind.resource]
                    for uri in redemption.grant.resources)  # fmt: skip
        expected = "objects about resources of the grant"
        record.require("assertion.authorization_details", named, Reason.ASSERTION_DETAILS, expected, detail.kind.name)
    wanted = _wanted(snapshot, record, redemption, offered)
    note_details(record, offered, rules.detail_fields, lambda one: wanted is None or same(one) in wanted)

    def rule_of(detail: Detail) -> str | None:
        if wanted is not None and same(detail) not in wanted:
            return None
        return redeems_detail(rules, attempts[detail.kind.resource], detail)

    return agree(record, offered, scopes, attempts, rule_of)


def _wanted(
    snapshot: Snapshot, record: Record, redemption: Redemption, offered: tuple[Detail, ...]
) -> frozenset[str] | None:
    raw = redemption.request.authorization_details
    if raw is None:
        return None
    asked = read_parameter(request_reading(record, snapshot, redemption.server.name), raw)
    inside = {same(detail) for detail in offered}
    wanted = frozenset(same(detail) for detail in asked)
    reason, expected = Reason.DETAILS_BEYOND_GRANT, "objects of the grant"
    record.require("request.authorization_details", wanted <= inside, reason, expected, otherwise="others")
    return wanted


def _resources(world: World, snapshot: Snapshot, record: Record, redemption: Redemption) -> list[tuple[Resource, str]]:
    """B-08, B-09, B-31, B-32: every resource of the grant is ours and may be spoken for
    by its issuer; the request may only narrow."""
    grant, server = redemption.grant, redemption.server
    named = bool(grant.resources) or not grant.issuer.resource_claim
    record.require("assertion.resource", named, Reason.ASSERTION_RESOURCE, "a resource claim", otherwise="none")
    granted: dict[str, tuple[Resource, str]] = {}
    # Where it may be left out, there is exactly one that it can be.
    for spelled in grant.resources or tuple(snapshot.resources[name].uri for name in grant.issuer.resources):
        resource = snapshot.resource_at(server.name, spelled)
        if resource is None:
            expected = "a resource of this authorization server"
            raise record.refuse("assertion.resource", Reason.ASSERTION_RESOURCE, expected, spelled)
        paired = resource.name in grant.issuer.resources
        expected = f"a resource that {grant.issuer.name} may speak for"
        record.require("assertion.resource_pair", paired, Reason.ASSERTION_RESOURCE, expected, resource.name)
        granted.setdefault(resource.name, (resource, spelled))
    kept = granted
    if redemption.request.resource:
        kept = {}
        for spelled in redemption.request.resource:
            wanted = snapshot.resource_at(server.name, spelled)
            inside = wanted is not None and wanted.name in granted
            record.require("request.resource", inside, Reason.RESOURCE_NOT_GRANTED, sorted(granted), spelled)
            if wanted is not None:
                kept[wanted.name] = granted[wanted.name]
    for name in kept:
        blocked = world.view.withdrawn("resource", name, redemption.now)
        record.require(
            "resource.not_blocked",
            blocked is None,
            Reason.RESOURCE_DISABLED,
            "no block",
            otherwise=blocked and blocked.words,
        )
        record.noted("assertion.resource", name, kept[name][1])
    return list(kept.values())


def _asked_scopes(record: Record, redemption: Redemption, resources: list[tuple[Resource, str]]) -> tuple[str, ...]:
    """B-27 to B-30: the request within the grant, of scopes that each resource knows."""
    grant = redemption.grant
    if grant.scopes is None:
        defaults = redemption.server.default_scopes
        offered = tuple(scope for resource, _ in resources for scope in defaults.get(resource.name, ()))
        record.require(
            "assertion.scope", bool(offered), Reason.SCOPE_NOT_GRANTED, "scopes in the grant", otherwise="none"
        )
    else:
        offered = grant.scopes
    known = tuple(scope for scope in offered if all(scope in resource.scopes for resource, _ in resources))
    expected = "scopes that every resource knows"
    record.require("assertion.scope_known", bool(known), Reason.ASSERTION_SCOPE, expected, list(offered))
    raw_scope = redemption.request.scope
    if raw_scope is None:
        record.scopes_asked = known
        return known
    try:
        wanted = scope_names(raw_scope)
    except ValueError as malformed:
        raise record.refuse("request.scope", Reason.SCOPE_MALFORMED, "RFC 6749 scopes", str(malformed)) from None
    record.scopes_asked = wanted
    inside = tuple(scope for scope in wanted if scope in known)
    record.require("request.scope", bool(inside), Reason.SCOPE_NOT_GRANTED, list(known), list(wanted))
    return inside
