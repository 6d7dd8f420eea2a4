"""An examination, told to a person or to a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from grantd_server.doctor.checks.keys.algorithms import signs
from grantd_server.doctor.findings import LONGEST_VALUE, Party, Severity, printable
from grantd_server.model.moments import utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.doctor.examine import Examination
    from grantd_server.doctor.findings import Finding
    from grantd_server.doctor.reading.view import View

VERSION: Final = 1
"""Of the JSON; members are added, never renamed."""


def text(examination: Examination) -> str:
    """Lines for a person, the worst first; without a trailing newline."""
    return "\n".join(_lines(examination))


def document(examination: Examination) -> dict[str, Any]:
    """The same for a program."""
    return {
        "version": VERSION,
        "at": utc(examination.at),
        "healthy": examination.healthy,
        "errors": examination.count(Severity.ERROR),
        "warnings": examination.count(Severity.WARNING),
        "notes": examination.count(Severity.NOTE),
        "parties": [
            {"party": party.value, "identifier": identifier, "seen": seen}
            for party, identifier, seen in _parties(examination.view)
        ],
        "findings": [_member(finding) for finding in examination.findings],
    }


def _member(finding: Finding) -> dict[str, str]:
    return {
        "code": finding.code,
        "severity": finding.severity.name.lower(),
        "party": finding.party.value,
        "subject": finding.subject,
        "sentence": finding.sentence,
        "evidence": finding.evidence,
        "remedy": finding.remedy,
        "whose_job": finding.whose,
    }


def _lines(examination: Examination) -> Iterator[str]:
    yield f"examined at {utc(examination.at)}"
    for party, identifier, seen in _parties(examination.view):
        yield f"  {party.value:<22}{identifier}: {seen}"
    for finding in examination.findings:
        yield ""
        yield f"{finding.severity.name:<8}{finding.code}  {finding.party.value} {finding.subject}"
        yield f"        {finding.sentence}"
        if finding.evidence:
            yield f"        seen: {finding.evidence}"
        if finding.severity is not Severity.NOTE:
            yield f"        next: {finding.remedy}"
            yield f"        whose job: {finding.whose}"
    yield ""
    yield ", ".join(_counted(examination.count(each), each.name.lower()) for each in Severity)


def _parties(view: View) -> Iterator[tuple[Party, str, str]]:
    for issuer in view.issuers:
        algorithms = ", ".join(sorted(signs(issuer)))
        keys = f"{_counted(len(issuer.keys), 'key')} ({printable(algorithms, LONGEST_VALUE) or 'none usable'})"
        seen = f"metadata by {', '.join(issuer.usable)}; {keys}" if issuer.metadata else "no metadata"
        yield issuer.party, printable(issuer.identifier, LONGEST_VALUE), seen
    if view.resource is not None:
        where = ", ".join(view.resource.usable)
        yield Party.RESOURCE, printable(view.resource.identifier, LONGEST_VALUE), f"metadata {where or 'nowhere'}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
