"""Step 4 of ExchangeIdentity: what policy grants, resource by resource.

A grant has one list of scopes for all of its resources. So that no scope reaches a
resource where it was not granted, the list is what every granted resource grants.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grantd_server.flows.terms.details import Agreed, agree
from grantd_server.model.bundle.rules import GrantInputs, ScopeRefusal
from grantd_server.policy.combining import share
from grantd_server.policy.decide import decide_grant, grants_detail
from grantd_server.policy.recorded import at_resource, to_json
from grantd_server.policy.wording import sign_in_text, step_up_text
from grantd_server.refusals import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grantd_server.audit.record import Record
    from grantd_server.flows.terms.targets import Target
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.details import Detail
    from grantd_server.model.bundle.governed import GrantIssuer, Resource
    from grantd_server.model.bundle.rules import Decision
    from grantd_server.model.registered import Registration
    from grantd_server.subjects.identity import Identity


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What is granted: scopes that hold at every one of the resources."""

    resources: tuple[str, ...]
    """In the spelling that was asked."""
    scopes: tuple[str, ...]
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True, slots=True)
class Asker:
    """Everything policy knows beside the resource."""

    snapshot: Snapshot
    issuer: GrantIssuer
    client: Registration
    identity: Identity
    address: str | None
    now: int
    pseudonym: Callable[[str], str]
    """How people and their groups are written down."""
    tenant: str | None = None
    """Of the issuer, that the user is in."""

    def inputs(self, resource: str, scopes: tuple[str, ...]) -> GrantInputs:
        """What rules can read, for one resource."""
        identity = self.identity
        return GrantInputs(
            identity_provider=identity.provider.name,
            users=identity.users,
            groups=identity.groups,
            roles=identity.roles,
            claims=identity.claims,
            client=self.client.client,
            resource=resource,
            scopes=scopes,
            sign_in=identity.sign_in,
            address=self.address,
            now=self.now,
            tenant=self.tenant,
        )

    def on_record(self) -> dict[str, Any]:
        """The same before it is known for which resource; people by pseudonyms."""
        return to_json(self.inputs("", ()), self.pseudonym)


def entitle(record: Record, asker: Asker, target: Target) -> Entitlement:
    """Decides for each resource and keeps those that share a granted scope. The record
    holds who asks (`Asker.on_record`); that becomes one recorded input a resource."""
    person, record.inputs = record.inputs[0], []
    decisions: list[tuple[Resource, Decision]] = []
    decided: list[tuple[str, tuple[str, ...], Mapping[str, str]]] = []
    for resource, spelled in target.resources:
        asked = target.scopes if target.scopes is not None else _defaults(resource, target.details)
        inputs = asker.inputs(resource.name, tuple(s for s in asked if s in resource.scopes))
        record.inputs.append(at_resource(person, resource.name, inputs.scopes, spelled))
        decision = decide_grant(asker.snapshot.grant_rules(asker.issuer.name), inputs)
        decisions.append((resource, decision))
        decided.append((spelled, asked, decision.granted))
    scopes, kept = share(decided)
    _note(record, decisions)
    if not kept:
        raise _refusal(record, asker, decisions)
    details: tuple[Detail, ...] = ()
    if target.details:
        scopes, details = _agreed(record, asker, target, scopes, kept)
    record.scopes_granted, record.resources = scopes, kept
    record.rules |= {s: d.granted[s] for s in scopes for _, d in decisions if s in d.granted}
    record.noted("policy.granted", " ".join(record.scopes_asked) or "defaults", " ".join(scopes))
    return Entitlement(kept, scopes, details)


def _defaults(resource: Resource, details: tuple[Detail, ...]) -> tuple[str, ...]:
    """What is asked where no scope is named: the defaults, and what the details need."""
    needed = (detail.kind.scope for detail in details if detail.kind.resource == resource.name)
    return tuple(dict.fromkeys((*resource.default_scopes, *needed)))


def _agreed(record: Record, asker: Asker, target: Target, scopes: tuple[str, ...], kept: tuple[str, ...]) -> Agreed:
    """The details that rules grant, in agreement with resources and scopes."""
    resources = {resource.name for resource, spelled in target.resources if spelled in kept}
    rules = asker.snapshot.grant_rules(asker.issuer.name)

    def rule_of(detail: Detail) -> str | None:
        return grants_detail(rules, asker.inputs(detail.kind.resource, scopes), detail)

    agreed = agree(record, target.details, scopes, resources, rule_of)
    reason, expected = Reason.DETAILS_NOT_GRANTED, "a rule that grants one of them, and its scope"
    granted = bool(agreed.scopes) and bool(agreed.details)
    record.require("policy.details", granted, reason, expected, otherwise=_refused_details(record))
    return agreed


def _refused_details(record: Record) -> str:
    return ", ".join(f"{name}: {why}" for name, why in record.refused_scopes.items() if "[" in name) or "none granted"


def _note(record: Record, decisions: list[tuple[Resource, Decision]]) -> None:
    for resource, decision in decisions:
        for scope, (why, rule) in decision.refused.items():
            record.refused_scopes[f"{resource.name} {scope}"] = f"{why.value} {rule}" if rule else why.value
        record.near_misses += decision.near_misses
        record.shadow.update(decision.shadow)


def _refusal(record: Record, asker: Asker, decisions: list[tuple[Resource, Decision]]) -> Refused:
    """The row for "nothing granted", most helpful first (A-15, A-45 to A-47)."""
    for _, decision in decisions:
        if decision.step_up is not None:
            wanted, found = step_up_text(decision.step_up), sign_in_text(asker.identity.sign_in, asker.now)
            record.refuse("policy.sign_in", Reason.STEP_UP_REQUIRED, wanted, found)
            return Refused(Reason.STEP_UP_REQUIRED, challenge=_challenge(decision))
    known = any(d.granted or d.refused for _, d in decisions)
    if not known:
        expected = sorted({scope for resource, _ in decisions for scope in resource.scopes})
        reason = Reason.SCOPE_UNKNOWN
        return record.refuse("policy.scope", reason, expected, " ".join(record.scopes_asked) or "no default scopes")
    if len(decisions) > 1:
        return record.refuse("policy.resources", Reason.RESOURCE_NOT_GRANTED, "one resource granted", "none")
    resource, decision = decisions[0]
    if _entitled_otherwise(asker, resource, decision):
        reason = Reason.SCOPE_NOT_GRANTED
        return record.refuse("policy.scope", reason, "scopes that a rule grants", " ".join(decision.refused))
    denied = any(why is ScopeRefusal.DENY_RULE for why, _ in decision.refused.values())
    reason = Reason.POLICY_DENY_RULE if denied else Reason.POLICY_NO_RULE
    return record.refuse("policy.rule", reason, "a rule that allows", "a rule that denies" if denied else "no rule")


def _entitled_otherwise(asker: Asker, resource: Resource, decision: Decision) -> bool:
    """Whether other scopes of the resource would be granted: then the scopes are at
    fault, not the person."""
    others = tuple(sorted(resource.scopes - set(decision.refused)))
    probe = decide_grant(asker.snapshot.grant_rules(asker.issuer.name), asker.inputs(resource.name, others))
    return bool(probe.granted)


def _challenge(decision: Decision) -> dict[str, object]:
    step_up = decision.step_up
    out: dict[str, object] = {}
    if step_up is not None and step_up.acr_values:
        out["acr_values"] = " ".join(step_up.acr_values)
    if step_up is not None and step_up.max_age is not None:
        out["max_age"] = step_up.max_age
    return out
