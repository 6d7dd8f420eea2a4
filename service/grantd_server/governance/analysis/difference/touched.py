"""Where two bundles can differ at all: the places and scopes that changed rules, ways or
demands are about. Everything else is never looked at, so that ten thousand rules that
stayed cost nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.governance.analysis.judging.judge import Judge
    from grantd_server.governance.analysis.judging.open_ways import Place
    from grantd_server.policy.rules import Rule, RuleSet

Spot = tuple[str, str, str, str]
"""Issuer, client, resource and scope."""


@dataclass(slots=True)
class Touched:
    """By spot: what changed there."""

    allows: dict[Spot, list[Rule[Any]]] = field(default_factory=dict)
    """Changed allow rules of leg 1, of either bundle."""
    denies: dict[Spot, list[Rule[Any]]] = field(default_factory=dict)
    whole: set[Spot] = field(default_factory=set)
    """What is not about people changed: a way, a ceiling, or the demand of a scope."""

    def spots(self) -> set[Spot]:
        """All of them."""
        return self.allows.keys() | self.denies.keys() | self.whole


def touched(old: Judge, new: Judge) -> Touched:
    """Compares two bundles rule by rule and way by way."""
    found = Touched()
    _touch_grants(old, new, found)
    _touch_ceilings(old, new, found)
    _touch_ways(old, new, found)
    _touch_demands(old, new, found)
    _touch_directories(old, new, found)
    return found


def _touch_grants(old: Judge, new: Judge, found: Touched) -> None:
    sets = (old.snapshot.lookups.grant_rules, new.snapshot.lookups.grant_rules)
    for issuer in sets[0].keys() | sets[1].keys():
        for rule, pairs in _changed(sets[0].get(issuer), sets[1].get(issuer)):
            where = found.denies if rule.deny else found.allows
            for client, resource, scope in pairs:
                where.setdefault((issuer, client, resource, scope), []).append(rule)


def _touch_ceilings(old: Judge, new: Judge, found: Touched) -> None:
    sets = (old.snapshot.lookups.redemption_rules, new.snapshot.lookups.redemption_rules)
    for server in sets[0].keys() | sets[1].keys():
        for rule, spots in _changed(sets[0].get(server), sets[1].get(server)):
            for client, resource, scope in spots:
                found.whole |= {(issuer, client, resource, scope) for issuer in rule.keys}


def _touch_ways(old: Judge, new: Judge, found: Touched) -> None:
    for place in old.ways.keys() | new.ways.keys():
        before, after = old.scopes(place.resource), new.scopes(place.resource)
        same = old.ways.get(place) == new.ways.get(place) and _server(old, place.resource) == _server(
            new, place.resource
        )
        scopes = before ^ after if same else before | after
        found.whole |= {(place.issuer, place.client, place.resource, scope) for scope in scopes}


def _server(judge: Judge, resource: str) -> str:
    found = judge.snapshot.resources.get(resource)
    return "" if found is None else found.authorization_server


def _touch_demands(old: Judge, new: Judge, found: Touched) -> None:
    for name in old.snapshot.resources.keys() & new.snapshot.resources.keys():
        before, after = old.snapshot.resources[name].sign_in, new.snapshot.resources[name].sign_in
        scopes = {scope for scope in before.keys() | after.keys() if before.get(scope) != after.get(scope)}
        if scopes:
            spots = {(place.issuer, place.client) for place in old.ways if place.resource == name}
            found.whole |= {(*spot, name, scope) for spot in spots for scope in scopes}


def _touch_directories(old: Judge, new: Judge, found: Touched) -> None:
    """Who is in which group there is like a rule about each of them."""
    providers = (old.snapshot.identity_providers, new.snapshot.identity_providers)
    for name in providers[0].keys() & providers[1].keys():
        if providers[0][name].directory == providers[1][name].directory:
            continue
        for place in old.ways.keys() & new.ways.keys():
            if place.provider == name:
                scopes = old.scopes(place.resource) & new.scopes(place.resource)
                found.whole |= {(place.issuer, place.client, place.resource, scope) for scope in scopes}


def _changed(
    old: RuleSet[Any] | None, new: RuleSet[Any] | None
) -> Iterator[tuple[Rule[Any], set[tuple[str, str, str]]]]:
    """The rules of either that the other does not have, with what they are about: client,
    resource and scope. Of a rule that is only about more or less than before, that."""
    before, after = _rules(old), _rules(new)
    same = {_content(rule) for rule in before.values()} & {_content(rule) for rule in after.values()}
    for name in before.keys() | after.keys():
        was, is_ = before.get(name), after.get(name)
        if was is not None and is_ is not None and _wants(was) == _wants(is_):
            yield was, _about(was, old) ^ _about(is_, new) if _content(was) != _content(is_) else set()
            continue
        for rule, within in ((was, old), (is_, new)):
            if rule is not None and _content(rule) not in same:
                yield rule, _about(rule, within)


def _rules(rules: RuleSet[Any] | None) -> dict[str, Rule[Any]]:
    return {} if rules is None else rules.allows.rules() | rules.denies.rules()


def _wants(rule: Rule[Any]) -> object:
    """Whom a rule is about, and when; whatever it is called and wherever it applies."""
    return (rule.deny, frozenset(rule.clauses), rule.expires)


def _content(rule: Rule[Any]) -> object:
    return (_wants(rule), rule.clients, rule.resources, rule.scopes)


def _about(rule: Rule[Any], within: RuleSet[Any] | None) -> set[tuple[str, str, str]]:
    scopes: Mapping[str, frozenset[str]] = {} if within is None else within.scopes
    return {
        (client, resource, scope)
        for resource in rule.resources
        for scope in rule.scopes & scopes.get(resource, frozenset())
        for client in rule.clients
    }


def places(judge: Judge) -> dict[tuple[str, str, str], list[Place]]:
    """By issuer, client and resource: the open places, one for each provider."""
    found: dict[tuple[str, str, str], list[Place]] = {}
    for place in judge.ways:
        found.setdefault((place.issuer, place.client, place.resource), []).append(place)
    return found
