"""Rules, or parts of them, that nothing leads to: no registration, no trust, no ceiling."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from grantd_server.governance.analysis.judging.judge import Terms
from grantd_server.governance.analysis.judging.open_ways import VOUCHED
from grantd_server.governance.analysis.judging.somebody import people_of
from grantd_server.governance.analysis.judging.trying import Possible
from grantd_server.governance.analysis.linting.findings import Severity
from grantd_server.governance.asking.ways import Way, obstacle_to_grant, obstacle_to_redemption, server_of
from grantd_server.model.bundle.governed import AuthorizationServer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grantd_server.governance.analysis.linting.findings import Finding
    from grantd_server.governance.analysis.linting.subject import Listed, Subject

Spots = dict[tuple[str, str, str, str], set[str]]
"""By issuer, client, resource and scope: the providers whose people get so far."""


def reach(subject: Subject) -> Iterator[Finding]:
    """What no request can ever come to."""
    spots, ways = _spots(subject), {(place.issuer, place.client, place.resource) for place in subject.judge.ways}
    for listed in subject.in_force():
        if listed.leg == 2:
            rule = listed.rule
            if not any(each in ways for each in product(rule.keys, rule.clients, rule.resources)):
                sentence = "no client of it can bring a grant for a resource of it"
                yield _finding(subject, listed, sentence, "Register the client on both legs, or trust the issuer.")
        else:
            yield from _grant(subject, listed, spots)


def _spots(subject: Subject) -> Spots:
    found: Spots = {}
    judge, possible = subject.judge, Possible(subject.now)
    for place in judge.ways:
        if place.provider == VOUCHED:
            continue
        for scope in judge.scopes(place.resource):
            ceilings, denies = judge.ceiling(place, scope)
            if possible(Terms(judge.ways[place], None, (), ceilings, denies)):
                found.setdefault((place.issuer, place.client, place.resource, scope), set()).add(place.provider)
    return found


def _grant(subject: Subject, listed: Listed, spots: Spots) -> Iterator[Finding]:
    rule, text = listed.rule, subject.texts[listed.rule.id]
    providers = _providers(subject, listed)

    def leads(clients: Iterable[str], resources: Iterable[str], scopes: Iterable[str]) -> bool:
        places = product(clients, resources, scopes)
        return any(not providers.isdisjoint(spots.get((listed.rules.name, *each), ())) for each in places)

    if not providers:
        return  # it never matches, and is told so
    if not leads(rule.clients, rule.resources, rule.scopes):
        yield _finding(subject, listed, _why(subject, listed, providers), "Open the way, or take the rule away.")
        return
    whole = {"clients": rule.clients, "resources": rule.resources, "scopes": rule.scopes}
    for key in whole if not rule.deny else ():
        for name in text[key]:
            if "*" not in name and not leads(**{**whole, key: frozenset({name})}):
                sentence = f"nothing leads from its {key[:-1]} {name} through both legs"
                remedy = f"Take {name} out of the rule, or open the way."
                yield subject.finding("partly-unreachable", Severity.WARNING, rule.id, sentence, remedy)


def _providers(subject: Subject, listed: Listed) -> set[str]:
    """Those whose people the rule can be about; none is told elsewhere."""
    issuers = subject.judge.snapshot.grant_issuers.values()
    accepted = next(issuer for issuer in issuers if issuer.name == listed.rules.name).identity_providers
    return {name for name in accepted if next(people_of(listed.rule, name), None) is not None}


def _why(subject: Subject, listed: Listed, providers: set[str]) -> str:
    """The first obstacle on the first way that the rule is about."""
    snapshot, rule = subject.judge.snapshot, listed.rule
    issuer = next(each for each in snapshot.grant_issuers.values() if each.name == listed.rules.name)
    resource = snapshot.resources[min(rule.resources)]
    tenant = min(issuer.tenants, default=None)
    way = Way(issuer.name, min(providers), min(rule.clients), resource, tenant)
    server = server_of(snapshot, resource)
    obstacle = obstacle_to_grant(snapshot, issuer, way)
    if obstacle is None and isinstance(server, AuthorizationServer):
        obstacle = obstacle_to_redemption(snapshot, server, way)
    if obstacle is not None:
        return f"nothing leads there: {obstacle.sentence}"
    return f"nothing leads there: no redemption rule of {server.name} lets {min(rule.scopes)} through"


def _finding(subject: Subject, listed: Listed, sentence: str, remedy: str) -> Finding:
    severity = Severity.WARNING if listed.rule.deny else Severity.ERROR
    return subject.finding("unreachable", severity, listed.rule.id, sentence, remedy)
