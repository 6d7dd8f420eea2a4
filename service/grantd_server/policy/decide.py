"""The decision of one rule set for one resource. Pure: inputs in, answer out.

Deny wins, no rule means no, the order of rules never matters. Unknown never satisfies
an allow and always satisfies a deny that reads it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, NamedTuple

from grantd_server.model.bundle.rules import Decision, GrantInputs, ScopeRefusal, State
from grantd_server.policy.clauses.scope_sign_ins import step_up_for, with_demands
from grantd_server.policy.clauses.who import AttemptT
from grantd_server.policy.index import ANY
from grantd_server.policy.near_misses import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from grantd_server.model.bundle.details import Detail
    from grantd_server.model.bundle.rules import RedemptionInputs, StepUp
    from grantd_server.policy.rules import GrantRules, RedemptionRules, Rule, RuleSet

Refusals = dict[str, tuple[ScopeRefusal, str | None]]


def decide_grant(rules: GrantRules, inputs: GrantInputs) -> Decision:
    """Decides leg 1 for one resource."""
    return _decide(rules, inputs, grant_keys(rules, inputs))


def decide_redemption(rules: RedemptionRules, inputs: RedemptionInputs) -> Decision:
    """Decides leg 2 for one resource; the granted scopes are under the ceiling."""
    return _decide(rules, inputs, [ANY, inputs.issuer])


def granted_or_denied(
    rules: RuleSet[Any], inputs: GrantInputs | RedemptionInputs
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """What either leg grants, and what a deny covers: scope to rule. The same answer as
    the decision's, without its explanation, for whoever asks a million times."""
    keys = grant_keys(rules, inputs) if isinstance(inputs, GrantInputs) else [ANY, inputs.issuer]
    found: _Weighed[Any] = _weigh(rules, inputs, keys)
    return found.granted, found.denied


def grants_detail(rules: GrantRules, inputs: GrantInputs, detail: Detail) -> str | None:
    """The rule that grants an object of authorization details on leg 1."""
    return _granting(rules, inputs, grant_keys(rules, inputs), detail)


def redeems_detail(rules: RedemptionRules, inputs: RedemptionInputs, detail: Detail) -> str | None:
    """The same on leg 2."""
    return _granting(rules, inputs, [ANY, inputs.issuer], detail)


def _granting(rules: RuleSet[AttemptT], inputs: AttemptT, keys: list[str], detail: Detail) -> str | None:
    """The smallest id among the allow rules that grant the object. Denies are about its
    scope, without which it is worth nothing."""
    candidates = rules.allows.find(inputs.resource, inputs.client, keys)
    found = [
        rule.id
        for rule in candidates
        if (terms := rule.details.get(detail.kind.name)) is not None
        and rule.concerns(inputs)
        and rule.matches(inputs)
        and terms.allow(detail)
    ]
    return min(found, default=None)


def grant_keys(rules: GrantRules, inputs: GrantInputs) -> list[str]:
    """The index keys of a user; `groups?` stands for groups that are unknown."""
    keys = [ANY]
    for name, attribute in (("users", inputs.users), ("groups", inputs.groups), ("roles", inputs.roles)):
        if attribute.state is State.UNKNOWN:
            keys.append(f"{name}?")
        else:
            keys += [f"{name}:{value}" for value in attribute.values]
    for claim, kind in rules.claims.get(inputs.identity_provider, ()):
        found = inputs.claims.get(claim)
        if found is None or found.state is State.UNKNOWN:
            keys.append(f"{kind}?")
        else:
            keys += [f"{kind}:{value}" for value in found.values]
    return keys


class _Weighed(NamedTuple, Generic[AttemptT]):
    """What the rules say of each scope, before anybody asks why."""

    asked: frozenset[str]
    written: list[Rule[AttemptT]]
    """The allow rules that are about the attempt."""
    candidates: list[Rule[AttemptT]]
    """The same, under what the scopes that were asked demand."""
    denied: dict[str, str]
    allowed: dict[str, str]
    granted: dict[str, str]


def _weigh(rules: RuleSet[AttemptT], inputs: AttemptT, keys: list[str]) -> _Weighed[AttemptT]:
    registered = rules.scopes.get(inputs.resource, frozenset())
    asked = registered.intersection(inputs.scopes)
    where = (inputs.resource, inputs.client, keys)
    denied = _first_by_scope(rules.denies.find(*where), inputs, asked)
    written = [rule for rule in rules.allows.find(*where) if rule.concerns(inputs)]
    demands = rules.demands.get(inputs.resource)
    candidates = written if demands is None else list(with_demands(written, demands, asked))
    allowed = _first_by_scope(candidates, inputs, asked)
    granted = {scope: allowed[scope] for scope in inputs.scopes if scope in allowed and scope not in denied}
    return _Weighed(asked, written, candidates, denied, allowed, granted)


def _decide(rules: RuleSet[AttemptT], inputs: AttemptT, keys: list[str]) -> Decision:
    asked, written, candidates, denied, allowed, granted = _weigh(rules, inputs, keys)
    refused, step_up = {}, None
    if len(granted) < len(set(inputs.scopes)):
        short = _short_of_sign_in(candidates, inputs, asked.difference(denied, allowed))
        refused = _refusals(inputs.scopes, asked, granted, denied, short)
        step_up = _step_up(short, inputs.now)
    open_scopes = {scope for scope, (why, _) in refused.items() if why in _MENDABLE}
    return Decision(
        granted=granted,
        refused=refused,
        near_misses=nearest(rules, written, inputs, open_scopes) if open_scopes else (),
        shadow=_shadow(rules.shadows.find(inputs.resource, inputs.client, keys), inputs, asked),
        step_up=step_up,
    )


_MENDABLE = frozenset({ScopeRefusal.NO_RULE, ScopeRefusal.STEP_UP})
"""What another rule or another sign-in would change: near misses explain it."""


def _first_by_scope(rules: Iterable[Rule[AttemptT]], inputs: AttemptT, asked: frozenset[str]) -> dict[str, str]:
    """Scope to the matching rule with the smallest id, so that the answer does not
    depend on the order of rules."""
    first: dict[str, str] = {}
    for rule in rules:
        covered = asked & rule.scopes
        if covered and rule.concerns(inputs) and rule.matches(inputs):
            for scope in covered:
                if scope not in first or rule.id < first[scope]:
                    first[scope] = rule.id
    return first


def _short_of_sign_in(
    candidates: Iterable[Rule[AttemptT]], inputs: AttemptT, missing: frozenset[str]
) -> dict[str, Rule[AttemptT]]:
    """Scope to the allow rule that lacks nothing but the sign-in, the one that lacks
    least. A scope that a deny covers is not among them: signing in again would not
    help (A-46)."""
    short: dict[str, tuple[int, str, Rule[AttemptT]]] = {}
    for rule in candidates:
        covered = missing & rule.scopes
        if not covered:
            continue
        failing = rule.failing(inputs)
        if all(clause.about_sign_in for clause in failing) and step_up_for(rule, inputs.now) is not None:
            nearness = (len(failing), rule.id, rule)
            for scope in covered:
                if scope not in short or nearness[:2] < short[scope][:2]:
                    short[scope] = nearness
    return {scope: rule for scope, (_, _, rule) in short.items()}


def _refusals(
    scopes: tuple[str, ...],
    asked: frozenset[str],
    granted: Mapping[str, str],
    denied: Mapping[str, str],
    short: Mapping[str, object],
) -> Refusals:
    refused: Refusals = {}
    for scope in scopes:
        if scope in granted:
            continue
        if scope not in asked:
            refused[scope] = (ScopeRefusal.UNKNOWN_SCOPE, None)
        elif scope in denied:
            refused[scope] = (ScopeRefusal.DENY_RULE, denied[scope])
        elif scope in short:
            refused[scope] = (ScopeRefusal.STEP_UP, None)
        else:
            refused[scope] = (ScopeRefusal.NO_RULE, None)
    return refused


def _step_up(short: Mapping[str, Rule[AttemptT]], now: int) -> StepUp | None:
    """What would do for the rule with the smallest id."""
    rule = min(short.values(), key=lambda rule: rule.id, default=None)
    return None if rule is None else step_up_for(rule, now)


def _shadow(rules: Iterable[Rule[AttemptT]], inputs: AttemptT, asked: frozenset[str]) -> dict[str, str]:
    outcomes = {
        rule.id: "deny" if rule.deny else "allow"
        for rule in rules
        if not asked.isdisjoint(rule.scopes) and rule.concerns(inputs) and rule.matches(inputs)
    }
    return dict(sorted(outcomes.items()))
