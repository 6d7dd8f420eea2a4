"""Allow rules that are wider than anybody should need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.analysis.linting.findings import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.governance.analysis.linting.findings import Finding
    from grantd_server.governance.analysis.linting.subject import Subject

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
        if most or (listed.leg == 1 and len(wide) > 1 and "require" not in text):
            error = most and listed.leg == 1 and "require" not in text
            severity = Severity.ERROR if error else Severity.WARNING
            remedy = "Name those that are meant: whatever is registered later is granted as well."
            yield subject.finding("over-broad", severity, listed.rule.id, f"it is about {', '.join(wide)}", remedy)


def _is_open(text: Mapping[str, object], key: str) -> bool:
    value = text.get(key)
    return value == "everyone" or (isinstance(value, list) and "*" in value)
