"""Rules that decide nothing, because another one decides the same or the contrary."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from grantd_server.governance.analysis.linting.covering import covers, search_keys
from grantd_server.governance.analysis.linting.findings import Severity
from grantd_server.policy.index import ANY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.governance.analysis.linting.findings import Finding
    from grantd_server.governance.analysis.linting.subject import Listed, Subject
    from grantd_server.policy.index import Index
    from grantd_server.policy.rules import Rule

MOST_COMPARED = 1000
"""Rules that one rule is compared with, of those that are filed with it."""


def shadowed(subject: Subject) -> Iterator[Finding]:
    """Allows in an allow, denies in a deny, allows in a deny."""
    for listed in subject.in_force():
        rule = listed.rule
        denying = None if rule.deny else _covering(subject, listed, listed.rules.denies)
        if denying is not None:
            sentence = f"{denying} denies everything that it allows"
            remedy = "Take one of the two away, or narrow the deny."
            yield subject.finding("denied", Severity.WARNING, rule.id, sentence, remedy)
            continue
        same = _covering(subject, listed, listed.rules.denies if rule.deny else listed.rules.allows)
        if same is not None:
            sentence = f"{same} {'denies' if rule.deny else 'allows'} everything that it does"
            remedy = f"Take it away, or narrow {same}."
            yield subject.finding("shadowed", Severity.WARNING, rule.id, sentence, remedy)


def _covering(subject: Subject, listed: Listed, index: Index[Rule[Any]]) -> str | None:
    rule = listed.rule
    near = index.find(min(rule.resources), min(rule.clients), [ANY, *search_keys(rule)])
    for other in islice(near, MOST_COMPARED):
        if other is rule or not other.in_force(subject.now) or not covers(other, rule):
            continue
        grants_details = rule.details and not other.deny and dict(other.details) != dict(rule.details)
        # Of two that cover each other, the one with the smaller id decides and stays.
        twins = other.deny == rule.deny and covers(rule, other) and rule.id < other.id
        if not grants_details and not twins:
            return other.id
    return None
