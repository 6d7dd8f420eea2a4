"""Which rules of a bundle speak about somebody at a place, and what they come to."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from grantd_server.governance.analysis.judging.open_ways import VOUCHED, Place, Tenants, open_ways
from grantd_server.governance.analysis.judging.somebody import ABOUT_SUBJECTS, circumstances_of, inputs_of, people_of
from grantd_server.model.bundle.rules import GrantInputs, RedemptionInputs, SignIn
from grantd_server.policy.decide import grant_keys
from grantd_server.policy.index import ANY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from grantd_server.governance.analysis.judging.moments import Moment
    from grantd_server.governance.analysis.judging.somebody import Somebody
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.policy.clauses.who import Clause
    from grantd_server.policy.rules import Rule

CLOSED: Tenants = frozenset()


class Term(NamedTuple):
    """One rule that speaks about somebody, and the circumstances it still wants."""

    rule: Rule[Any]
    clauses: tuple[Clause[Any], ...]

    def wanted(self) -> tuple[str, ...]:
        """The circumstances, for people."""
        return tuple(f"{clause.name}: {clause.expected()}" for clause in self.clauses)

    def holds(self, inputs: GrantInputs) -> bool:
        """As the engine asks: unknown fails an allow and satisfies a deny."""
        rule = self.rule
        if not rule.in_force(inputs.now):
            return False
        return all(held or (rule.deny and held is None) for held in (c.holds(inputs) for c in self.clauses))

    def can_hold(self, inputs: GrantInputs, kinds: tuple[type[Any], ...]) -> bool:
        """Whether no clause of these kinds fails."""
        held = (clause.holds(inputs) for clause in self.clauses if isinstance(clause, kinds))
        return all(one or (self.rule.deny and one is None) for one in held)


class Terms(NamedTuple):
    """What both legs say about one scope. A leg that is not ours says nothing: None."""

    tenants: Tenants
    allows: tuple[Term, ...] | None = None
    denies: tuple[Term, ...] = ()
    ceilings: tuple[Term, ...] | None = None
    ceiling_denies: tuple[Term, ...] = ()

    def every(self) -> Iterator[Term]:
        """All of them."""
        for terms in (self.allows or (), self.denies, self.ceilings or (), self.ceiling_denies):
            yield from terms

    def wants(self) -> object:
        """What decides whether, and when, the scope is granted, whatever the rules are called."""
        legs = (self.allows, self.denies, self.ceilings, self.ceiling_denies)
        return (
            self.tenants,
            *(None if leg is None else frozenset((t.clauses, t.rule.expires) for t in leg) for leg in legs),
        )

    def allow(self, moment: Moment, inputs: GrantInputs) -> bool:
        """Whether the scope is granted there and then."""
        if moment.tenant not in self.tenants or any(
            term.holds(inputs) for term in (*self.denies, *self.ceiling_denies)
        ):
            return False
        legs = (self.allows, self.ceilings)
        return all(leg is None or any(term.holds(inputs) for term in leg) for leg in legs)

    def deciding(self, moment: Moment, inputs: GrantInputs) -> tuple[Term, ...]:
        """The rules that grant the scope there and then; or deny it; or none."""
        denying = tuple(term for term in (*self.denies, *self.ceiling_denies) if term.holds(inputs))
        if denying or not self.allow(moment, inputs):
            return denying
        return tuple(term for term in (*(self.allows or ()), *(self.ceilings or ())) if term.holds(inputs))


class Judge:
    """One bundle, asked many times."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._ceilings: dict[tuple[str, str, str, str], tuple[tuple[Term, ...], tuple[Term, ...]]] = {}
        self._people: dict[tuple[str, str], tuple[Somebody, ...]] = {}
        self._inputs: dict[tuple[str, Somebody], tuple[GrantInputs, list[str]]] = {}
        self._place: Place | None = None
        self._there: dict[Somebody, tuple[tuple[Term, ...], tuple[Term, ...]]] = {}
        """Of the place that was asked last: places are gone through one by one."""
        self._claims = {
            provider.name: (*provider.claims, *(provider.saml.attributes if provider.saml is not None else ()))
            for provider in snapshot.identity_providers.values()
        }

    @cached_property
    def ways(self) -> Mapping[Place, Tenants]:
        """Every place that rules are asked at."""
        return open_ways(self.snapshot)

    def scopes(self, resource: str) -> frozenset[str]:
        """The registered scopes of a resource, if it is there."""
        found = self.snapshot.resources.get(resource)
        return frozenset() if found is None else found.scopes

    def terms(self, place: Place, scope: str, somebody: Somebody) -> Terms:
        """Which rules speak about somebody who wants one scope."""
        tenants = self.ways.get(place, CLOSED)
        if not tenants or scope not in self.scopes(place.resource):
            return Terms(CLOSED, (), (), ())
        ceilings, ceiling_denies = self.ceiling(place, scope)
        if place.provider == VOUCHED:
            return Terms(tenants, None, (), ceilings, ceiling_denies)
        allows, denies = (_of_scope(scope, terms) for terms in self._about(place, somebody))
        demanded = self.snapshot.grant_rules(place.issuer).demands.get(place.resource, {}).get(scope, ())
        allows = tuple(Term(term.rule, (*demanded, *term.clauses)) for term in allows) if demanded else allows
        return Terms(tenants, allows, denies, ceilings, ceiling_denies)

    def _about(self, place: Place, somebody: Somebody) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
        """The rules of leg 1 about somebody at a place, whatever the scope."""
        if place != self._place:
            self._place, self._there = place, {}
        if somebody not in self._there:
            rules = self.snapshot.grant_rules(place.issuer)
            inputs, keys = self._asked(place.issuer, somebody)
            found = (index.find(place.resource, place.client, keys) for index in (rules.allows, rules.denies))
            allows, denies = (_speaking(each, inputs, place) for each in found)
            self._there[somebody] = allows, denies
        return self._there[somebody]

    def _asked(self, issuer: str, somebody: Somebody) -> tuple[GrantInputs, list[str]]:
        """What rules read of somebody, and what they are filed under."""
        key = (issuer, somebody)
        if key not in self._inputs:
            inputs = inputs_of(somebody, self._claims[somebody.provider])
            self._inputs[key] = inputs, grant_keys(self.snapshot.grant_rules(issuer), inputs)
        return self._inputs[key]

    def people(self, place: Place, scope: str, *, deny: bool) -> Iterator[tuple[Rule[Any], Somebody]]:
        """Every rule of leg 1 about a scope at a place, with its smallest people."""
        if place.provider == VOUCHED or place not in self.ways:
            return
        rules = self.snapshot.grant_rules(place.issuer)
        seen = set()
        for rule in (rules.denies if deny else rules.allows).near(place.resource, place.client):
            fits = place.resource in rule.resources and place.client in rule.clients and scope in rule.scopes
            if fits and rule.id not in seen:
                seen.add(rule.id)
                key = (rule.id, place.provider)
                if key not in self._people:
                    self._people[key] = tuple(people_of(rule, place.provider))
                for somebody in self._people[key]:
                    yield rule, somebody

    def ceiling(self, place: Place, scope: str) -> tuple[tuple[Term, ...] | None, tuple[Term, ...]]:
        """What leg 2 says of a scope: allows and denies; None where it is not ours."""
        server = self.snapshot.resources[place.resource].authorization_server
        if server not in self.snapshot.lookups.redemption_rules:
            return None, ()
        key = (place.issuer, place.client, place.resource, scope)
        if key not in self._ceilings:
            rules = self.snapshot.redemption_rules(server)
            inputs = RedemptionInputs(place.issuer, place.client, place.resource, (), SignIn(), None, 0)
            keys = [ANY, place.issuer]
            demanded = rules.demands.get(place.resource, {}).get(scope, ())
            found = (index.find(place.resource, place.client, keys) for index in (rules.allows, rules.denies))
            allows, denies = (_of_scope(scope, _speaking(each, inputs, place)) for each in found)
            self._ceilings[key] = tuple(Term(term.rule, (*demanded, *term.clauses)) for term in allows), denies
        return self._ceilings[key]


def _of_scope(scope: str, terms: tuple[Term, ...]) -> tuple[Term, ...]:
    return tuple(term for term in terms if scope in term.rule.scopes)


def _speaking(rules: Iterable[Rule[Any]], inputs: GrantInputs | RedemptionInputs, place: Place) -> tuple[Term, ...]:
    """The rules that are about this place and this person, in order of ids."""
    found = [
        Term(rule, circumstances_of(rule))
        for rule in rules
        if place.resource in rule.resources and place.client in rule.clients and _is_about(rule, inputs)
    ]
    return tuple(sorted(found, key=lambda term: term.rule.id))


def _is_about(rule: Rule[Any], inputs: Any) -> bool:
    """Whether the clauses on who asks hold; each reads the inputs of its own leg."""
    found = (clause.holds(inputs) for clause in rule.clauses if isinstance(clause, ABOUT_SUBJECTS))
    return all(held or (rule.deny and held is None) for held in found)
