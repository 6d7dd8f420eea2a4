"""The allow rules that came closest, the nearest first."""

from __future__ import annotations

from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from grantd_server.model.bundle.rules import NearMiss
from grantd_server.policy.nearness import fit, lacking, nearness, under_demands
from grantd_server.policy.wording import several

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet

    from grantd_server.policy.clauses.who import AttemptT
    from grantd_server.policy.nearness import Near
    from grantd_server.policy.rules import Rule, RuleSet

MOST_SHOWN = 3

MOST_EXAMINED = 128
"""A refusal must stay cheap whatever the number of rules. The rules of this user come
first, then those of this client, then the others of the resource."""


def nearest(
    rules: RuleSet[AttemptT], candidates: Iterable[Rule[AttemptT]], inputs: AttemptT, refused: AbstractSet[str]
) -> tuple[NearMiss, ...]:
    """The rules that would have granted a refused scope, had a clause or two more held."""
    near = _near(_examined(rules, candidates, inputs), inputs, refused)
    if not near:
        return ()
    farthest = sorted(at for at, _ in near.values())[:MOST_SHOWN][-1]
    registered = rules.scopes.get(inputs.resource, frozenset())
    # Most rules that are looked at are never shown: how they fit is asked of few.
    ranked = sorted(
        (at, fit(rule, inputs, refused, registered), rule.id) for at, rule in near.values() if at <= farthest
    )
    return tuple(_miss(near[name][1], at, inputs, refused) for at, _, name in ranked[:MOST_SHOWN])


def _near(
    examined: Iterable[Rule[AttemptT]], inputs: AttemptT, refused: AbstractSet[str]
) -> dict[str, tuple[Near, Rule[AttemptT]]]:
    """The rules by id, each under the scope at which it came nearest. None lacks nothing:
    what it covers would not have been refused."""
    found: dict[str, tuple[Near, Rule[AttemptT]]] = {}
    for rule in examined:
        at = nearness(rule, inputs, refused)
        if rule.id not in found or at < found[rule.id][0]:
            found[rule.id] = at, rule
    return found


def _examined(
    rules: RuleSet[AttemptT], candidates: Iterable[Rule[AttemptT]], inputs: AttemptT
) -> Iterator[Rule[AttemptT]]:
    first = sorted(candidates, key=lambda rule: rule.id)[:MOST_EXAMINED]
    yield from first
    others = {
        rule.id: rule
        for rule in islice(rules.allows.near(inputs.resource, inputs.client), MOST_EXAMINED - len(first))
        if inputs.resource in rule.resources
    }
    yield from under_demands(others.values(), rules.demands.get(inputs.resource))


def _miss(rule: Rule[AttemptT], at: Near, inputs: AttemptT, refused: AbstractSet[str]) -> NearMiss:
    # Of several the one that is hardest to mend: the others follow from it, or are the asker's own.
    _, name = max(lacking(rule, inputs, refused), key=itemgetter(0))
    expected, got = _texts(rule, name, inputs, refused)
    return NearMiss(rule.id, name, expected, got, at.failed)


def _texts(rule: Rule[AttemptT], name: str, inputs: AttemptT, refused: AbstractSet[str]) -> tuple[str, str]:
    if name == "clients":
        return rule.written.get("clients") or several(rule.clients), inputs.client
    if name == "scopes":
        return rule.written.get("scopes") or several(rule.scopes), several(refused)
    if name == "expires":
        return f"a time before {rule.expires}", f"now {inputs.now}"
    clause = next(clause for clause in rule.clauses if clause.name == name)
    return clause.expected(), clause.got(inputs)
