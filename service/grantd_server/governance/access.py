"""Who used what: clients at resources, beside what the bundle in force offers them."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from grantd_server.policy.clauses.who import Issuers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.policy import GrantRules, RedemptionRules
    from grantd_server.policy.rules import Rule
    from grantd_server.store.questions import Use, Users

Place = tuple[str, str]
"""A client and a resource."""


@dataclass(slots=True)
class Access:
    """One client at one resource."""

    client: str
    resource: str
    users: int = 0
    """At least: whoever was seen under two pseudonym keys, or at both legs, counts once."""
    users_at_most: int = 0
    grants: int = 0
    tokens: int = 0
    last_used: int = 0
    scopes: set[str] = field(default_factory=set)
    unused_scopes: set[str] = field(default_factory=set)


def named(snapshot: Snapshot | None, uses: Iterable[Use]) -> list[tuple[str, str, str]]:
    """What the bundle calls the resources of each audience; one that it does not know any
    more keeps its identifier."""
    places = dict.fromkeys((use.audience, use.resources) for use in uses)
    return [(*place, _name(snapshot, place[0], uri)) for place in places for uri in _texts(place[1])]


def report(snapshot: Snapshot | None, uses: list[Use], users: Iterable[Users], now: int) -> list[Access]:
    """Joins what was used with what is offered, by client and resource."""
    found: dict[Place, Access] = {}
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for audience, resources, name in named(snapshot, uses):
        names[audience, resources].append(name)
    for use in uses:
        for name in names[use.audience, use.resources]:
            _add(found.setdefault((use.client, name), Access(use.client, name)), use)
    _count(found, users)
    for (client, name), scopes in (offered(snapshot, now) if snapshot is not None else {}).items():
        access = found.setdefault((client, name), Access(client, name))
        access.unused_scopes = set(scopes) - access.scopes
    return [found[place] for place in sorted(found)]


def offered(snapshot: Snapshot, now: int) -> Mapping[Place, set[str]]:
    """The scopes that some rule in force grants to a client at a resource, to somebody. At
    a server of ours its own rules have to let them through."""
    grants = _by_place(snapshot.lookups.grant_rules.values(), now)
    redemptions = _by_place(snapshot.lookups.redemption_rules.values(), now)
    ours = {server.name for server in snapshot.authorization_servers.values()}
    out: dict[Place, set[str]] = {}
    for place, scopes in grants.items():
        local = snapshot.resources[place[1]].authorization_server in ours
        out[place] = scopes & redemptions.get(place, set()) if local else scopes
    foreign = _by_place(snapshot.lookups.redemption_rules.values(), now, _foreign_issuers(snapshot))
    for place, scopes in foreign.items():
        out[place] = out.get(place, set()) | scopes
    return {place: scopes for place, scopes in out.items() if scopes}


def _by_place(
    rule_sets: Iterable[GrantRules] | Iterable[RedemptionRules], now: int, issuers: frozenset[str] | None = None
) -> dict[Place, set[str]]:
    out: dict[Place, set[str]] = defaultdict(set)
    for rules in rule_sets:
        for rule in _allows(rules):
            if not rule.in_force(now) or not _vouched(rule, issuers):
                continue
            for resource in rule.resources:
                scopes = rule.scopes & rules.scopes.get(resource, frozenset())
                for client in rule.clients:
                    out[client, resource] |= scopes
    return out


def _allows(rules: GrantRules | RedemptionRules) -> Iterator[Rule[Any]]:
    """Each allow rule once, out of its index."""
    seen: dict[str, Rule[Any]] = {}
    for by_client in rules.allows.table.values():
        for by_key in by_client.values():
            for filed in by_key.values():
                seen |= {rule.id: rule for rule in filed}
    yield from seen.values()


def _vouched(rule: Rule[Any], issuers: frozenset[str] | None) -> bool:
    """Whether a rule takes the word of one of these issuers; of any, where none are given."""
    if issuers is None:
        return True
    named_ones = [clause.values for clause in rule.clauses if isinstance(clause, Issuers)]
    return all(not issuers.isdisjoint(values) for values in named_ones)


def _foreign_issuers(snapshot: Snapshot) -> frozenset[str]:
    trusted = (each for server in snapshot.authorization_servers.values() for each in server.trusted.values())
    return frozenset(each.name for each in trusted if each.issuer not in snapshot.grant_issuers)


def _add(access: Access, use: Use) -> None:
    if use.rpc == "RedeemGrant":
        access.tokens += use.times
    else:
        access.grants += use.times
    access.last_used = max(access.last_used, use.last_us // 1_000_000)
    access.scopes |= set(_texts(use.scopes))


def _count(found: Mapping[Place, Access], users: Iterable[Users]) -> None:
    """The two legs may know a person by two pseudonyms, and so do two keys: the larger
    number is certain, the sum over keys is the most that it can be."""
    legs: dict[Place, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in users:
        legs[row.client, row.resource][row.rpc].append(row.number)
    for place, numbers in legs.items():
        if place in found:
            found[place].users = max(max(keys) for keys in numbers.values())
            found[place].users_at_most = max(sum(keys) for keys in numbers.values())


def _name(snapshot: Snapshot | None, audience: str, uri: str) -> str:
    server = snapshot.audience(audience) if snapshot is not None else None
    resource = snapshot.resource_at(server.name, uri) if snapshot is not None and server is not None else None
    return uri if resource is None else resource.name


def _texts(raw: str) -> list[str]:
    try:
        found = json.loads(raw)
    except ValueError:
        return []
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
