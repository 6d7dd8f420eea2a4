"""Runs policy tests against a bundle, in memory, at a given time."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from grantd_server.governance.asking.answering import Unanswerable, answer
from grantd_server.governance.asking.offline import snapshot_of
from grantd_server.governance.asking.telling import why
from grantd_server.governance.testing.report import CaseResult, Difference, Outcome, TestReport
from grantd_server.model.bundle.rules import ScopeRefusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from grantd_server.governance.asking.answering import ScopeAnswer
    from grantd_server.governance.document import Document
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.governance.testing.suites import Case, Expected, Suite

NO_PLACES: Mapping[str, str] = {}


def run_tests(
    bundle: Snapshot | Document | bytes,
    suites: Iterable[Suite],
    now: int,
    places: Mapping[str, str] = NO_PLACES,
    timer: Callable[[], float] = perf_counter,
) -> TestReport:
    """Runs every case. `now` holds for those that say no time of their own; `places` tells
    where each rule is written."""
    snapshot = snapshot_of(bundle)
    found = []
    for suite in suites:
        for case in suite.cases:
            begun = timer()
            result = _run(snapshot, suite, case, now, places)
            found.append(replace(result, seconds=timer() - begun))
    return TestReport(tuple(found))


def _run(snapshot: Snapshot, suite: Suite, case: Case, now: int, places: Mapping[str, str]) -> CaseResult:
    moment = now if case.at is None else case.at
    signed_in = case.question.sign_in
    if case.age is not None:
        signed_in = replace(signed_in, auth_time=moment - case.age)
    question = replace(case.question, now=moment, sign_in=signed_in)
    try:
        found = answer(snapshot, question)
        _check_names(snapshot, case)
    except Unanswerable as fault:
        return CaseResult(suite.name, case.name, case.place, Outcome.ERROR, error=str(fault))
    differences = tuple(
        Difference(scope, str(expected), _told(found.scopes[scope]), why(found, scope, places))
        for scope, expected in case.expected.items()
        if not _as_expected(expected, found.scopes[scope])
    )
    outcome = Outcome.FAILED if differences else Outcome.PASSED
    return CaseResult(suite.name, case.name, case.place, outcome, differences)


def _check_names(snapshot: Snapshot, case: Case) -> None:
    """A misspelt client or scope is refused by every rule, so that a test of a refusal would
    pass for ever; a misspelt claim is unknown, and so is its use."""
    question, person = case.question, case.question.person
    if all(question.client != name for name, _, _ in snapshot.lookups.client_ids):
        raise Unanswerable(f'there is no client "{question.client}"')
    resource = snapshot.resources[question.resource]
    for scope, expected in case.expected.items():
        meant = expected.granted or expected.reason == ScopeRefusal.UNKNOWN_SCOPE.value
        if scope not in resource.scopes and not meant:
            raise Unanswerable(f'{resource.name} has no scope "{scope}"; expect unknown_scope if that is meant')
    if person is None:
        return
    provider = snapshot.identity_providers[person.provider]
    declared = (*provider.claims, *(provider.saml.attributes if provider.saml is not None else ()))
    for claim in person.claims or {}:
        if claim not in declared:
            raise Unanswerable(f'{provider.name} declares no claim "{claim}"')


def _as_expected(expected: Expected, found: ScopeAnswer) -> bool:
    right = expected.granted == found.granted and expected.reason in {None, found.reason}
    return right and set(expected.rules) <= set(found.rules)


def _told(found: ScopeAnswer) -> str:
    return " ".join((found.reason, *found.rules))
