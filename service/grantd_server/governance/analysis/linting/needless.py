"""Rules that decide nothing though no single other one is the reason: everything that they
say is said by several, taken by several, or can never be."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

from grantd_server.governance.analysis.judging.census import Census
from grantd_server.governance.analysis.judging.judge import Terms
from grantd_server.governance.analysis.judging.open_ways import VOUCHED, Place
from grantd_server.governance.analysis.judging.somebody import Somebody, people_of
from grantd_server.governance.analysis.judging.trying import circumstances
from grantd_server.governance.analysis.linting.findings import Severity
from grantd_server.governance.analysis.linting.matching import NEVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grantd_server.governance.analysis.judging.judge import Term
    from grantd_server.governance.analysis.judging.open_ways import Tenants
    from grantd_server.governance.analysis.linting.findings import Finding
    from grantd_server.governance.analysis.linting.subject import Listed, Subject
    from grantd_server.model.bundle.rules import GrantInputs
    from grantd_server.policy.rules import Rule

MOST_SPOTS = 10_000
"""Places, scopes and people of one rule that are tried; beyond it nothing is told of it."""
SHOWN = 3
"""Rules of a sentence."""


class Reason(NamedTuple):
    """Why a rule decides nothing somewhere."""

    code: str
    """`shadowed`, `denied` or `never-matching`."""
    rules: frozenset[str]


def needless(subject: Subject, told: frozenset[str]) -> Iterator[Finding]:
    """What nobody would notice to be gone, also once all that is told already is gone."""
    search = _Search(subject, set(told))
    for listed in sorted(subject.in_force(), key=lambda each: each.rule.id, reverse=True):
        if listed.rule.id in told or listed.rule.details:
            continue
        reasons = search.reasons(listed)
        if reasons is None:
            sentence = "nobody whom the directory lists has all that it wants"
            remedy = "Correct the names, or wait until the directory has somebody."
            yield subject.finding(NEVER, Severity.WARNING, listed.rule.id, sentence, remedy)
        elif reasons:
            search.gone.add(listed.rule.id)
            yield _finding(subject, listed, reasons)


class _Search:
    """One bundle, and the rules that are taken to be gone."""

    def __init__(self, subject: Subject, gone: set[str]) -> None:
        self._judge, self._now = subject.judge, subject.now
        self._census = Census(subject.judge.snapshot)
        self._needed: set[object] = set()
        """Situations, whatever the rules in them are called, in which one decides something."""
        self._providers: dict[tuple[str, str, str], list[str]] = {}
        self.gone = gone
        for place in subject.judge.ways:
            self._providers.setdefault((place.issuer, place.client, place.resource), []).append(place.provider)

    def reasons(self, listed: Listed) -> list[Reason] | None:
        """Why the rule decides nothing, spot by spot; empty where it decides something,
        and None where there is nobody to whom it could."""
        found: dict[Reason, None] = {}
        tried = -1
        for tried, (place, scope, somebody) in enumerate(self._spots(listed)):
            reason = self._reason(listed, self._judge.terms(place, scope, somebody))
            if reason is None or tried == MOST_SPOTS:
                return []
            found[reason] = None
        return None if tried < 0 else list(found)

    def _spots(self, listed: Listed) -> Iterator[tuple[Place, str, Somebody]]:
        rule = listed.rule
        issuers = [listed.rules.name] if listed.leg == 1 else rule.keys
        for issuer, client, resource in product(issuers, sorted(rule.clients), sorted(rule.resources)):
            for provider in self._providers.get((issuer, client, resource), ()):
                scopes = sorted(rule.scopes & self._judge.scopes(resource))
                for scope, somebody in product(scopes, self._people(listed, provider)):
                    yield Place(issuer, provider, client, resource), scope, somebody

    def _people(self, listed: Listed, provider: str) -> Iterable[Somebody]:
        if listed.leg == 2:
            return [Somebody(provider)]
        if provider == VOUCHED:
            return []
        people = people_of(listed.rule, provider)
        return people if listed.rule.deny else (one for each in people for one in self._census.real(each))

    def _reason(self, listed: Listed, terms: Terms) -> Reason | None:
        sides = _sides(listed, terms, self.gone)
        key = (terms.tenants, *(None if side is None else _wants(side) for side in sides))
        if key in self._needed:
            return None
        reason = _why(sides, terms.tenants, self._now)
        if reason is None:
            self._needed.add(key)
        return reason


class _Sides(NamedTuple):
    """What speaks about somebody, as one rule sees it."""

    mine: tuple[Term, ...]
    others: tuple[Term, ...]
    """That say the same as it."""
    against: tuple[Term, ...]
    """That take what it says."""
    beside: tuple[Term, ...] | None
    """Of which one must let it through as well."""


def _sides(listed: Listed, terms: Terms, gone: set[str]) -> _Sides:
    rule = listed.rule
    if listed.leg == 2:
        same = terms.ceiling_denies if rule.deny else terms.ceilings or ()
        against, beside = terms.ceiling_denies, None
    else:
        same = terms.denies if rule.deny else terms.allows or ()
        against, beside = (*terms.denies, *terms.ceiling_denies), terms.ceilings
    mine = tuple(term for term in same if term.rule.id == rule.id)
    others = tuple(term for term in same if term.rule.id not in {rule.id, *gone})
    return _Sides(mine, others, (), None) if rule.deny else _Sides(mine, others, tuple(against), beside)


def _why(sides: _Sides, tenants: Tenants, now: int) -> Reason | None:
    same: set[str] = set()
    taken: set[str] = set()
    whole = Terms(tenants, (*sides.mine, *sides.others), sides.against, sides.beside)
    for moment in circumstances(now, whole):
        inputs = moment.inputs()

        def speaking(terms: tuple[Term, ...], inputs: GrantInputs = inputs) -> set[str]:
            return {term.rule.id for term in terms if term.holds(inputs)}

        if not speaking(sides.mine) or (sides.beside is not None and not speaking(sides.beside)):
            continue
        denied, covered = speaking(sides.against), speaking(sides.others)
        if not denied and not covered:
            return None
        taken |= denied
        same |= set() if denied else {min(covered)}
    if same:
        return Reason("shadowed", frozenset(same | taken))
    return Reason("denied" if taken else NEVER, frozenset(taken))


def _wants(terms: Iterable[Term]) -> object:
    return frozenset((term.clauses, term.rule.expires) for term in terms)


def _finding(subject: Subject, listed: Listed, reasons: list[Reason]) -> Finding:
    rule: Rule[Any] = listed.rule
    codes = {reason.code for reason in reasons}
    code = next(each for each in ("shadowed", "denied", NEVER) if each in codes)
    names = sorted(frozenset[str]().union(*(reason.rules for reason in reasons)))
    which = ", ".join([*names[:SHOWN], *(["and more"] if len(names) > SHOWN else [])])
    verb = "denies" if rule.deny else "allows"
    if code == NEVER:
        sentence, remedy = "what it requires and what its scopes demand exclude each other", "Make them agree."
        return subject.finding(code, Severity.ERROR, rule.id, sentence, remedy)
    if code == "denied":
        sentence = f"together, {which} deny everything that it {verb}"
        return subject.finding(code, Severity.WARNING, rule.id, sentence, "Take it away, or narrow one of them.")
    several = len(names) > 1
    sentence = f"{'together, ' * several}{which} {'leave' if several else 'leaves'} nothing that only it {verb}"
    return subject.finding(code, Severity.WARNING, rule.id, sentence, "Take it away, or narrow one of them.")
