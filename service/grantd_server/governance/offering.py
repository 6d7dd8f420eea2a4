"""What a bundle offers to each client at each resource: what some rule in force grants it for
somebody, on a way that is open, under the rules of a server of ours. Whom a deny leaves
without is not asked, but where it denies everybody: `who-can` tells that."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any

from grantd_server.governance.analysis.judging.open_ways import VOUCHED, open_ways
from grantd_server.policy.clauses.who import Issuers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.policy.index import Index
    from grantd_server.policy.rules import Rule, RuleSet

Scopes = dict[tuple[str, str], set[str]]
"""By client and resource."""


def offered(snapshot: Snapshot, now: int) -> Scopes:
    """The scopes of every client at every resource; of none that has none."""
    grants = {name: _of_rules(rules, now, _anybody) for name, rules in snapshot.lookups.grant_rules.items()}
    ceilings: dict[tuple[str, str], Scopes] = {}
    out: Scopes = defaultdict(set)
    for issuer, client, resource, vouched in {
        (place.issuer, place.client, place.resource, place.provider == VOUCHED) for place in open_ways(snapshot)
    }:
        at, server = (client, resource), snapshot.resources[resource].authorization_server
        scopes = None if vouched else grants[issuer].get(at, set())
        if server in snapshot.lookups.redemption_rules:
            if (server, issuer) not in ceilings:
                rules = snapshot.redemption_rules(server)
                ceilings[server, issuer] = _of_rules(rules, now, partial(_takes_the_word_of, issuer))
            ceiling = ceilings[server, issuer].get(at, set())
            scopes = ceiling if scopes is None else scopes & ceiling
        out[at] |= scopes or set()
    return {at: scopes for at, scopes in out.items() if scopes}


def _of_rules(rules: RuleSet[Any], now: int, about: Callable[[Rule[Any]], bool]) -> Scopes:
    out: Scopes = defaultdict(set)
    for at, scopes in _cells(rules, rules.allows, now, about):
        out[at] |= scopes
    for at, scopes in _cells(rules, rules.denies, now, partial(_of_everybody, about)):
        out[at] -= scopes
    return out


def _cells(
    rules: RuleSet[Any], index: Index[Rule[Any]], now: int, about: Callable[[Rule[Any]], bool]
) -> Iterator[tuple[tuple[str, str], frozenset[str]]]:
    for rule in index.rules().values():
        if rule.in_force(now) and about(rule):
            for resource in rule.resources:
                scopes = rule.scopes & rules.scopes.get(resource, frozenset())
                for client in rule.clients:
                    yield (client, resource), scopes


def _anybody(_: Rule[Any]) -> bool:
    return True


def _takes_the_word_of(issuer: str, rule: Rule[Any]) -> bool:
    return all(issuer in clause.values for clause in rule.clauses if isinstance(clause, Issuers))


def _of_everybody(about: Callable[[Rule[Any]], bool], rule: Rule[Any]) -> bool:
    return about(rule) and all(isinstance(clause, Issuers) for clause in rule.clauses)
