"""The allow rules that came closest, the nearest first."""

from __future__ import annotations

from itertools import chain, islice
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from grantd_server.model.bundle.rules import NearMiss
from grantd_server.policy.nearness import fitting, lacking, least, nearness, unmet
from grantd_server.policy.wording import several

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from grantd_server.policy.clauses.who import AttemptT
    from grantd_server.policy.nearness import Near, Unmet
    from grantd_server.policy.rules import Rule, RuleSet

MOST_SHOWN = 3

MOST_EXAMINED = 128
"""A refusal must stay cheap whatever the number of rules. The rules of this user come
first, then those of this client, then the others of the resource."""


def nearest(
    rules: RuleSet[AttemptT], candidates: Iterable[Rule[AttemptT]], inputs: AttemptT, refused: AbstractSet[str]
) -> tuple[NearMiss, ...]:
    """The rules that would have granted a refused scope, had a clause or two more held.
    Rules are as written: what scopes demand is asked by itself."""
    demanded = unmet(rules.demands.get(inputs.resource), inputs, refused)
    near = [(nearness(rule, inputs, refused, demanded), rule) for rule in _examined(rules, candidates, inputs)]
    if not near:
        return ()
    farthest = sorted(at for at, _ in near)[:MOST_SHOWN][-1]
    fit = fitting(inputs, refused, rules.scopes.get(inputs.resource, frozenset()))
    # Most rules that are looked at are never shown: how they fit is asked of few.
    ranked = sorted((at, fit(rule), rule.id, rule) for at, rule in near if at <= farthest)
    return tuple(_miss(rule, at, inputs, refused, demanded) for at, _, _, rule in ranked[:MOST_SHOWN])


def _examined(
    rules: RuleSet[AttemptT], candidates: Iterable[Rule[AttemptT]], inputs: AttemptT
) -> Iterable[Rule[AttemptT]]:
    first = sorted(candidates, key=attrgetter("id"))
    resource = inputs.resource
    return {
        rule.id: rule
        for rule in islice(chain(first, rules.allows.near(resource, inputs.client)), MOST_EXAMINED)
        if resource in rule.resources
    }.values()


def _miss(rule: Rule[AttemptT], at: Near, inputs: AttemptT, refused: AbstractSet[str], demanded: Unmet) -> NearMiss:
    # Of several the one that is hardest to mend: the others follow from it, or are the asker's own.
    _, name = max(lacking(rule, inputs, refused, demanded), key=itemgetter(0))
    expected, got = _texts(rule, name, inputs, refused, demanded)
    return NearMiss(rule.id, name, expected, got, at[0])


def _texts(
    rule: Rule[AttemptT], name: str, inputs: AttemptT, refused: AbstractSet[str], demanded: Unmet
) -> tuple[str, str]:
    if name == "clients":
        return rule.written.get("clients") or several(rule.clients), inputs.client
    if name == "scopes":
        return rule.written.get("scopes") or several(rule.scopes), several(refused)
    if name == "expires":
        return f"a time before {rule.expires}", f"now {inputs.now}"
    clause = next(clause for clause in (*least(rule, demanded), *rule.clauses) if clause.name == name)
    return clause.expected(), clause.got(inputs)
