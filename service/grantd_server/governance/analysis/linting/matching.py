"""Rules, or parts of them, that can never match: people who cannot be, demands that
exclude each other, resources without such a scope."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from grantd_server.governance.analysis.judging.open_ways import Place
from grantd_server.governance.analysis.judging.somebody import circumstances_of, people_of
from grantd_server.governance.analysis.judging.trying import Possible
from grantd_server.governance.analysis.linting.findings import Severity
from grantd_server.model.bundle.directory import Missing
from grantd_server.policy.clauses.who import Groups, Roles, Users

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.governance.analysis.judging.somebody import Somebody
    from grantd_server.governance.analysis.linting.findings import Finding
    from grantd_server.governance.analysis.linting.subject import Listed, Subject
    from grantd_server.policy.clauses.who import Clause

NEVER = "never-matching"


def matching(subject: Subject) -> Iterator[Finding]:
    """What cannot match whoever asks, and whenever."""
    possible = Possible(subject.now)
    for listed in subject.in_force():
        yield from _scopes(subject, listed)
        if listed.leg == 1:
            yield from _people(subject, listed)
            yield from _names(subject, listed)
            if not listed.rule.deny and _excluded(subject, listed, possible):
                sentence = "what it requires, its scopes and the ceiling of the server exclude each other"
                yield subject.finding(NEVER, Severity.ERROR, listed.rule.id, sentence, "Make them agree.")


def _people(subject: Subject, listed: Listed) -> Iterator[Finding]:
    providers = subject.judge.snapshot.identity_providers
    if all(next(people_of(listed.rule, name), None) is None for name in providers):
        sentence = "it wants somebody of two identity providers at once"
        remedy = "Write one rule for each: every key is a condition, and people sign in at one."
        yield subject.finding(NEVER, Severity.ERROR, listed.rule.id, sentence, remedy)


def _names(subject: Subject, listed: Listed) -> Iterator[Finding]:
    """Names that a directory of the bundle does not have, or that no policy test has."""
    tested = {group for suite in subject.suites for group in suite.groups}
    for clause in listed.rule.clauses:
        if listed.rule.deny and _leaves_open(subject, clause):
            continue
        for name in sorted(clause.values) if isinstance(clause, Groups | Roles | Users) else ():
            kind = clause.name.rpartition(".")[2]
            if _is_unknown_to_directory(subject, kind, name):
                sentence = f"nobody in the directory of {name.partition(':')[0]} has {name} among their {kind}"
                remedy = "Correct the name, or wait until the directory has it."
                yield subject.finding(NEVER, Severity.WARNING, listed.rule.id, sentence, remedy)
            elif isinstance(clause, Groups) and subject.suites and name not in tested | _listed(subject, name):
                sentence = f"no policy test has anybody in {name}"
                yield subject.finding("untested", Severity.INFO, listed.rule.id, sentence, "Add a test.")


def _leaves_open(subject: Subject, clause: Clause[Any]) -> bool:
    """Whether there may be people of whom a directory does not know what a clause reads:
    a deny that reads it holds for each of them."""
    if not isinstance(clause, Groups | Roles):
        return False
    kind = clause.name.rpartition(".")[2]
    named = {name.partition(":")[0] for name in clause.values}
    found = [
        provider.directory for name, provider in subject.judge.snapshot.identity_providers.items() if name in named
    ]
    return any(
        directory.missing is Missing.UNKNOWN or any(getattr(each, kind) is None for each in directory.users.values())
        for directory in found
        if directory is not None
    )


def _listed(subject: Subject, qualified: str) -> set[str]:
    """The name itself, where a directory of the bundle has it: tests name its people."""
    found = subject.judge.snapshot.identity_providers[qualified.partition(":")[0]]
    return set() if found.directory is None else {qualified}


def _is_unknown_to_directory(subject: Subject, kind: str, qualified: str) -> bool:
    provider, _, name = qualified.partition(":")
    found = subject.judge.snapshot.identity_providers.get(provider)
    directory = None if found is None else found.directory
    if directory is None or name.startswith("mailto:"):
        return False
    if kind == "users":
        account = directory.users.get(name)
        return directory.missing is Missing.DISABLED if account is None else not account.active
    return all(name not in (getattr(account, kind) or ()) for account in directory.users.values())


def _scopes(subject: Subject, listed: Listed) -> Iterator[Finding]:
    rule, text = listed.rule, subject.texts[listed.rule.id]
    for resource in text["resources"]:
        if resource in rule.resources and rule.scopes.isdisjoint(listed.rules.scopes[resource]):
            sentence = f"{resource} has none of its scopes"
            remedy = f"Take {resource} out of the rule, or name a scope of it."
            yield subject.finding(NEVER, Severity.WARNING, rule.id, sentence, remedy)


def _excluded(subject: Subject, listed: Listed, possible: Possible) -> bool:
    """Whether rules are asked for this one somewhere, and nowhere can all demands hold."""
    rule, judge, asked = listed.rule, subject.judge, False
    for place, somebody in _asked(subject, listed) if circumstances_of(rule) else ():
        for scope in rule.scopes & judge.scopes(place.resource):
            terms = judge.terms(place, scope, somebody)
            mine = tuple(term for term in terms.allows or () if term.rule.id == rule.id)
            alone = terms._replace(allows=mine, denies=(), ceiling_denies=())
            if alone.ceilings == ():
                continue  # unreachable, and told so
            asked = True
            if possible(alone):
                return False
    return asked


def _asked(subject: Subject, listed: Listed) -> Iterator[tuple[Place, Somebody]]:
    """Where the rule is asked, each with somebody whom it is about."""
    issuer, ways = listed.rules.name, subject.judge.ways
    for provider in subject.judge.snapshot.identity_providers:
        somebody = next(people_of(listed.rule, provider), None)
        for client, resource in product(listed.rule.clients, listed.rule.resources) if somebody is not None else ():
            place = Place(issuer, provider, client, resource)
            if somebody is not None and place in ways:
                yield place, somebody
