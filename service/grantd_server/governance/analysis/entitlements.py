"""Who can reach what: one row for each rule that lets somebody through both legs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from grantd_server.governance.analysis.judging.census import Census
from grantd_server.governance.analysis.judging.judge import Judge, Terms
from grantd_server.governance.analysis.judging.open_ways import VOUCHED
from grantd_server.governance.analysis.judging.somebody import Somebody, smallest
from grantd_server.governance.analysis.judging.trying import Possible
from grantd_server.governance.asking.offline import snapshot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from grantd_server.governance.analysis.judging.judge import Term
    from grantd_server.governance.analysis.judging.open_ways import Place
    from grantd_server.governance.document import Document
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.policy.rules import Rule


@dataclass(frozen=True, slots=True)
class Entitlement:
    """Somebody can have a scope at a resource, through a client, because of a rule."""

    resource: str
    scope: str
    subject: str
    client: str
    issuer: str
    provider: str
    """Empty for people of an issuer that is not ours."""
    rule: str
    """Of leg 1; empty where leg 1 is not ours."""
    ceilings: tuple[str, ...]
    """Rules of leg 2, any of which is enough; empty where leg 2 is not ours."""
    requires: tuple[str, ...]
    """What else must hold: of the sign-in, the address, the time, the tenant."""
    cut_by: tuple[str, ...]
    """Deny rules, each with whom or when it denies."""


def who_can(bundle: Snapshot | Document | bytes, scope: str, resource: str, now: int) -> list[Entitlement]:
    """Everybody who can have a scope at a resource; both may be patterns with `*`."""
    return _entitlements(
        snapshot_of(bundle), now, lambda place: _fits(place.resource, resource), lambda name: _fits(name, scope)
    )


def what_client_can(bundle: Snapshot | Document | bytes, client: str, now: int) -> list[Entitlement]:
    """Everything that can be reached through a client, and by whom."""
    return _entitlements(snapshot_of(bundle), now, lambda place: place.client == client, lambda _: True)


def what_can(bundle: Snapshot | Document | bytes, somebody: Somebody, now: int) -> list[Entitlement]:
    """Everything that somebody can reach who has these attributes and no others, and
    through which client. Whom a directory lists, or refuses, it knows."""
    snapshot = snapshot_of(bundle)
    known = Census(snapshot).known(somebody)
    if known is None:
        return []
    return _entitlements(snapshot, now, lambda place: place.provider == somebody.provider, lambda _: True, known)


def _fits(name: str, pattern: str) -> bool:
    return name == pattern or ("*" in pattern and fnmatchcase(name, pattern))


_in_order = attrgetter(*(each.name for each in fields(Entitlement)))


def _entitlements(
    snapshot: Snapshot,
    now: int,
    place_fits: Callable[[Place], bool],
    scope_fits: Callable[[str], bool],
    only: Somebody | None = None,
) -> list[Entitlement]:
    review = _Review(snapshot, now)
    judge = review.judge
    rows = [
        row
        for place in judge.ways
        if place_fits(place)
        for scope in judge.scopes(place.resource)
        if scope_fits(scope)
        for row in (review.vouched if place.provider == VOUCHED else review.of_rules)(place, scope, only)
    ]
    return sorted(set(rows), key=_in_order)


class _Review:
    """One bundle, asked who can."""

    def __init__(self, snapshot: Snapshot, now: int) -> None:
        self.judge = Judge(snapshot)
        self._now = now
        self._census = Census(snapshot)
        self._possible = Possible(now)

    def of_rules(self, place: Place, scope: str, only: Somebody | None) -> Iterator[Entitlement]:
        """The rules of leg 1 that let somebody through."""
        found: Iterable[tuple[Rule[Any], Somebody]] = self.judge.people(place, scope, deny=False)
        if only is not None:
            found = [(term.rule, only) for term in self.judge.terms(place, scope, only).allows or ()]
        denying: list[tuple[Rule[Any], Somebody]] | None = None
        for rule, somebody in found:
            if not any(self._lets(rule, place, scope, one) for one in self._people(somebody, only)):
                continue
            terms = self.judge.terms(place, scope, somebody)
            if denying is None:
                denying = list(self.judge.people(place, scope, deny=True))
            cut = (
                _cut(denying, somebody, terms, self._now)
                if only is None
                else tuple(_circumstances(t) for t in terms.denies)
            )
            ceiling_cut = tuple(_circumstances(term) for term in terms.ceiling_denies)
            yield _row((place, scope, str(somebody)), _only(terms, rule), rule.id, (*cut, *ceiling_cut), self._now)

    def vouched(self, place: Place, scope: str, only: Somebody | None) -> Iterator[Entitlement]:
        """Leg 2 alone."""
        terms = self.judge.terms(place, scope, Somebody(VOUCHED))
        if only is None and self._possible(terms):
            cut = tuple(_circumstances(term) for term in terms.ceiling_denies)
            yield _row((place, scope, f"everyone that {place.issuer} vouches for"), terms, "", cut, self._now)

    def _people(self, somebody: Somebody, only: Somebody | None) -> Iterable[Somebody]:
        return self._census.real(somebody) if only is None else (somebody,)

    def _lets(self, rule: Rule[Any], place: Place, scope: str, somebody: Somebody) -> bool:
        return self._possible(_only(self.judge.terms(place, scope, somebody), rule))


def _only(terms: Terms, rule: Rule[Any]) -> Terms:
    """As if no other rule allowed it."""
    return terms._replace(allows=tuple(term for term in terms.allows or () if term.rule.id == rule.id))


def _row(who: tuple[Place, str, str], terms: Terms, rule: str, cut_by: tuple[str, ...], now: int) -> Entitlement:
    place, scope, subject = who
    ceilings = [term for term in terms.ceilings or () if term.rule.in_force(now)]
    wanted = [term.wanted() for term in terms.allows or ()]
    # One ceiling without a condition is enough; only where each has one, they bind.
    wanted += [term.wanted() for term in ceilings] if all(term.clauses for term in ceilings) else []
    requires = tuple(dict.fromkeys(text for texts in wanted for text in texts))
    ids = tuple(term.rule.id for term in ceilings)
    return Entitlement(
        place.resource, scope, subject, place.client, place.issuer, place.provider, rule, ids, requires, cut_by
    )


def _cut(denying: list[tuple[Rule[Any], Somebody]], somebody: Somebody, terms: Terms, now: int) -> tuple[str, ...]:
    """The deny rules that take the scope from some of these people, or at some times."""
    found = [_circumstances(term) for term in terms.denies]
    theirs = {term.rule.id for term in terms.denies}
    others: dict[str, list[Somebody]] = {}
    for rule, whom in denying:
        if rule.id not in theirs and rule.in_force(now) and whom.joined(somebody) != somebody:
            others.setdefault(rule.id, []).append(whom)
    found += [f"{rule}: {', '.join(str(one) for one in smallest(whom))}" for rule, whom in sorted(others.items())]
    return tuple(found)


def _circumstances(term: Term) -> str:
    wanted = ", ".join(term.wanted())
    return f"{term.rule.id}: {wanted}" if wanted else term.rule.id


def lines(rows: Sequence[Entitlement]) -> list[str]:
    """For people: one line for each subject, resource and rule, with its scopes and clients."""
    found: dict[tuple[object, ...], tuple[set[str], set[str]]] = {}
    for row in rows:
        key = (row.resource, row.subject, row.rule, row.ceilings, row.requires, row.cut_by)
        scopes, clients = found.setdefault(key, (set(), set()))
        scopes.add(row.scope)
        clients.add(row.client)
    return [_line(key, sorted(scopes), sorted(clients)) for key, (scopes, clients) in found.items()]


def _line(key: tuple[Any, ...], scopes: list[str], clients: list[str]) -> str:
    resource, subject, rule, ceilings, requires, cut_by = key
    line = f"{resource}: {subject} can {', '.join(scopes)} through {', '.join(clients)}"
    line += f" by {rule}" if rule else ""
    line += f" under {', '.join(ceilings)}" if ceilings else ""
    line += f"; requires {', '.join(requires)}" if requires else ""
    return f"{line}; except by {'; '.join(cut_by)}" if cut_by else line
