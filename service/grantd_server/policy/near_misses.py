"""The allow rules that came closest: what an administrator wants to see first."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from grantd_server.model.bundle.rules import NearMiss
from grantd_server.policy.wording import several

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Set as AbstractSet

    from grantd_server.policy.clauses.who import AttemptT
    from grantd_server.policy.index import Index
    from grantd_server.policy.rules import Rule

MOST_SHOWN = 3

MOST_EXAMINED = 128
"""A refusal must stay cheap whatever the number of rules. The rules of this user come
first, then those of this client, then the others of the resource."""


class _Rank(NamedTuple):
    """Sorts by clauses held, most first; ties by fewest failed, then by id."""

    minus_held: int
    failed: int
    rule: str


def nearest(
    allows: Index[Rule[AttemptT]], candidates: Iterable[Rule[AttemptT]], inputs: AttemptT, refused: AbstractSet[str]
) -> tuple[NearMiss, ...]:
    """The rules that would have granted a refused scope, had a clause or two more held."""
    first = sorted(candidates, key=lambda rule: rule.id)
    examined = {
        rule.id: rule
        for rule in islice(chain(first, allows.near(inputs.resource, inputs.client)), MOST_EXAMINED)
        if inputs.resource in rule.resources
    }
    ranks = sorted(rank for rule in examined.values() if (rank := _rank(rule, inputs, refused)) is not None)
    return tuple(_miss(examined[rank.rule], rank, inputs, refused) for rank in ranks[:MOST_SHOWN])


def _rank(rule: Rule[AttemptT], inputs: AttemptT, refused: AbstractSet[str]) -> _Rank | None:
    """Counts only, because most of the rules that are looked at are never shown."""
    failed = (inputs.client not in rule.clients) + refused.isdisjoint(rule.scopes) + (not rule.in_force(inputs.now))
    for clause in rule.clauses:
        if clause.holds(inputs) is not True:
            failed += 1
    return _Rank(failed - len(rule.clauses) - _OTHERS, failed, rule.id) if failed else None


_OTHERS = len(("resources", "clients", "scopes", "expires"))


def _miss(rule: Rule[AttemptT], rank: _Rank, inputs: AttemptT, refused: AbstractSet[str]) -> NearMiss:
    name = _first_failed(rule, inputs, refused)
    expected, got = _texts(rule, name, inputs, refused)
    return NearMiss(rank.rule, name, expected, got, -rank.minus_held)


def _first_failed(rule: Rule[AttemptT], inputs: AttemptT, refused: AbstractSet[str]) -> str:
    if inputs.client not in rule.clients:
        return "clients"
    for clause in rule.failing(inputs):
        return clause.name
    return "scopes" if refused.isdisjoint(rule.scopes) else "expires"


def _texts(rule: Rule[AttemptT], name: str, inputs: AttemptT, refused: AbstractSet[str]) -> tuple[str, str]:
    if name == "clients":
        return rule.written.get("clients") or several(rule.clients), inputs.client
    if name == "scopes":
        return rule.written.get("scopes") or several(rule.scopes), several(refused)
    if name == "expires":
        return f"a time before {rule.expires}", str(inputs.now)
    clause = next(clause for clause in rule.clauses if clause.name == name)
    return clause.expected(), clause.got(inputs)
