"""Allow rules that are wider than anybody should need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantd_server.governance.analysis.judging.somebody import circumstances_of
from grantd_server.governance.analysis.linting.findings import Severity
from grantd_server.policy.clauses.circumstances import DAYS, Networks, Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.governance.analysis.linting.findings import Finding
    from grantd_server.governance.analysis.linting.subject import Subject
    from grantd_server.policy.clauses.who import Clause

_WORDS = {
    "subjects": "everyone",
    "issuers": "every issuer",
    "clients": "every client",
    "resources": "every resource",
    "scopes": "every scope",
}


def breadth(subject: Subject) -> Iterator[Finding]:
    """Of leg 1 what is open in two respects, of leg 2 what is open in all."""
    for listed in subject.in_force():
        text = subject.texts[listed.rule.id]
        if listed.rule.deny:
            continue
        wide = [word for key, word in _WORDS.items() if _is_open(text, key)]
        most = len(wide) == len(_WORDS) - 1
        bare = not any(map(_excludes, circumstances_of(listed.rule)))
        if most or (listed.leg == 1 and len(wide) > 1 and bare):
            error = most and listed.leg == 1 and bare
            severity = Severity.ERROR if error else Severity.WARNING
            remedy = "Name those that are meant: whatever is registered later is granted as well."
            yield subject.finding("over-broad", severity, listed.rule.id, f"it is about {', '.join(wide)}", remedy)


def _excludes(clause: Clause[Any]) -> bool:
    """Whether a condition is one: every hour of the week, or every address, is none."""
    if isinstance(clause, Window):
        return len(clause.days) < len(DAYS) or (clause.since, clause.until) != (0, 24 * 60)
    if isinstance(clause, Networks):
        return all(network.prefixlen for network in clause.values)
    return True


def _is_open(text: Mapping[str, object], key: str) -> bool:
    value = text.get(key)
    return value == "everyone" or (isinstance(value, list) and "*" in value)
