"""Compares two bundles by what they grant: exact for people, and for circumstances as far
as they are tried (`moments`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from grantd_server.governance.analysis.difference.humans import Humans, words
from grantd_server.governance.analysis.difference.once import Once
from grantd_server.governance.analysis.difference.rows import GAINED, LOST, Change
from grantd_server.governance.analysis.difference.telling import told
from grantd_server.governance.analysis.difference.touched import Touched, places, touched
from grantd_server.governance.analysis.judging.judge import Judge, Terms
from grantd_server.governance.analysis.judging.open_ways import VOUCHED, Place
from grantd_server.governance.analysis.judging.somebody import (
    Somebody,
    circumstances_of,
    people_of,
    plainest_first,
)
from grantd_server.governance.analysis.judging.trying import circumstances
from grantd_server.governance.asking.offline import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grantd_server.governance.analysis.difference.humans import Human
    from grantd_server.governance.analysis.difference.touched import Spot
    from grantd_server.governance.analysis.judging.judge import Term
    from grantd_server.governance.document import Document
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.policy.rules import Rule

CLOSED = Terms(frozenset(), (), (), ())
"""Of somebody whom a directory refuses."""

MOST_JOINED = 100
"""People of allow rules that are joined, each, with those of a changed deny."""


class Outcome(NamedTuple):
    """What differs for somebody: the direction, an example, and the rules there."""

    change: str
    when: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def semantic_diff(old: Snapshot | Document | bytes | None, new: Snapshot | Document | bytes, now: int) -> list[Change]:
    """Who gains and who loses what, from now on; without an old bundle everything that
    the new one grants is gained."""
    before = None if old is None else Judge(snapshot_of(old))
    after = Judge(snapshot_of(new))
    comparison = _Comparison(before or Judge(_empty(after.snapshot)), after, now)
    return sorted(set(comparison.changes()))


class _Comparison:
    """Two bundles, and what was found of equal situations already."""

    def __init__(self, old: Judge, new: Judge, now: int) -> None:
        self._old, self._new, self._now = old, new, now
        self._humans = Humans(old.snapshot, new.snapshot)
        self._known: dict[object, list[Outcome]] = {}

    def changes(self) -> Iterator[Change]:
        what = touched(self._old, self._new)
        open_places = places(self._old)
        for key, found in places(self._new).items():
            there = open_places.setdefault(key, [])
            there += [place for place in found if place not in there]
        for spot in what.spots():
            issuer, client, resource, scope = spot
            for place in open_places.get((issuer, client, resource), ()):
                yield from self._at(place, scope, spot, what)

    def _at(self, place: Place, scope: str, spot: Spot, what: Touched) -> Iterator[Change]:
        found: dict[Somebody, list[Outcome]] = {}
        people = self._people(place, scope, spot, what)
        for human in self._humans.of(place.provider, people):
            for outcome in self._outcomes(place, scope, human.before, human.after):
                for somebody in self._told_as(place, scope, human, people, outcome.change):
                    found.setdefault(somebody, []).append(outcome)
        once = Once()
        for somebody in plainest_first(found):
            vouched = f"everyone that {place.issuer} vouches for"
            subject = vouched if place.provider == VOUCHED else words(somebody)
            for change, when, before, after in sorted(found[somebody]):
                if once.first(somebody, change, when):
                    yield Change(
                        change, subject, place.client, place.resource, scope, place.issuer, when, before, after
                    )

    def _told_as(
        self, place: Place, scope: str, human: Human, people: list[Somebody], change: str
    ) -> Iterable[Somebody]:
        """By the fewest attributes of which it is true as well; otherwise by name."""
        for one in people:
            if human.has(one) and any(each.change == change for each in self._outcomes(place, scope, one, one)):
                return (one,)
        return human.named()

    def _people(self, place: Place, scope: str, spot: Spot, what: Touched) -> list[Somebody]:
        """Whom to ask about: everybody that a changed allow names, and whom an allow and
        a changed deny name both. Nobody else's answer can have changed: between two
        answers that differ stands a changed allow that spoke, or a changed deny."""
        if place.provider == VOUCHED:
            return [Somebody(VOUCHED)] if spot in what.whole else []
        found = {one for rule in what.allows.get(spot, ()) for one in people_of(rule, place.provider)}
        denied = {one for rule in what.denies.get(spot, ()) for one in people_of(rule, place.provider)}
        if denied or spot in what.whole:
            allowed = [each for judge in (self._old, self._new) for each in judge.people(place, scope, deny=False)]
            found |= {one for _, one in allowed} if spot in what.whole else set()
            found |= {one.joined(other) for one in _few(allowed) for other in denied}
        return plainest_first(found)

    def _outcomes(self, place: Place, scope: str, before: Somebody | None, after: Somebody | None) -> list[Outcome]:
        """The same rules in the same circumstances are tried once, wherever they meet."""
        was = CLOSED if before is None else self._old.terms(place, scope, before)
        is_ = CLOSED if after is None else self._new.terms(place, scope, after)
        key = (_identity(was), _identity(is_))
        if key not in self._known:
            self._known[key] = list(_compared(was, is_, self._now))
        return self._known[key]


def _identity(terms: Terms) -> object:
    """What the outcome depends on."""
    legs = (terms.allows, terms.denies, terms.ceilings, terms.ceiling_denies)
    return (
        terms.tenants,
        *(None if leg is None else tuple((t.rule.id, t.clauses, t.rule.expires) for t in leg) for leg in legs),
    )


def _compared(before: Terms, after: Terms, now: int) -> Iterator[Outcome]:
    tried = circumstances(now, before, after)
    was, is_ = set(), set()
    for moment in tried:
        inputs = moment.inputs()
        if before.allow(moment, inputs):
            was.add(moment)
        if after.allow(moment, inputs):
            is_.add(moment)
    for change, different, other in ((GAINED, is_ - was, was), (LOST, was - is_, is_)):
        if different:
            example = next(moment for moment in tried if moment in different)
            inputs = example.inputs()
            decided = before.deciding(example, inputs), after.deciding(example, inputs)
            # Where nothing is left on the other side, it is so whenever the rules said so.
            when = told(example, different, tried) if other else ""
            when = when or _wanted(decided[change == GAINED])
            yield Outcome(change, when, *(tuple(term.rule.id for term in terms) for terms in decided))


def _wanted(terms: tuple[Term, ...]) -> str:
    return ", ".join(dict.fromkeys(text for term in terms for text in term.wanted()))


def _few(allowed: list[tuple[Rule[Any], Somebody]]) -> set[Somebody]:
    """The people of allow rules; of very many, one for each set of conditions, since a
    deny that takes from one of these takes from all."""
    people = {one for _, one in allowed}
    if len(people) <= MOST_JOINED:
        return people
    return set({circumstances_of(rule): one for rule, one in allowed}.values())


def _empty(snapshot: Snapshot) -> Snapshot:
    """A bundle in which nothing leads anywhere."""
    nowhere = replace(snapshot.lookups, client_ids={}, grant_rules={}, redemption_rules={})
    return replace(
        snapshot, grant_issuers={}, authorization_servers={}, foreign_servers={}, resources={}, lookups=nowhere
    )
