"""Test support: whether what the doctor found is what a row demands, by party, severity and words."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from doctor_walk import Walk
from doctor_world import world
from grantd_server.doctor.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SEVERITIES = {"error": Severity.ERROR, "warning": Severity.WARNING, "note": Severity.NOTE}


async def found_by(row: Mapping[str, Any], *, walked: bool = False) -> tuple[Finding, ...]:
    """What the doctor finds where the fault of the row is planted."""
    async with world(dict(row)) as here:
        here.walk = Walk(row) if walked else None
        return (await here.examined()).findings


def meets(row: Mapping[str, Any], finding: Finding) -> bool:
    """Whether a finding is what the row demands; the code, once one is known."""
    if finding.code != row.get("code", finding.code):
        return False
    wanted = SEVERITIES[row["severity"]]
    severe = finding.severity <= wanted if row.get("at_least") else finding.severity is wanted
    said = f"{finding.subject} {finding.sentence} {finding.evidence} {finding.remedy}"
    return severe and finding.party.value == row["party"] and re.search(row["says"], said, re.IGNORECASE) is not None


def meeting(row: Mapping[str, Any], findings: Iterable[Finding]) -> list[Finding]:
    """The findings that are what the row demands."""
    return [finding for finding in findings if meets(row, finding)]
