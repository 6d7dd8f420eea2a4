"""A bundle and what is live: equal is healthy, and every planted difference is found."""

from __future__ import annotations

import pytest

from doctor_world import faults, world
from grantd_server.doctor.findings import Severity

PLANTED = faults("doctor_faults_governance")
SEVERITIES = {"error": Severity.ERROR, "warning": Severity.WARNING}


async def test_a_bundle_that_says_what_is_live_has_no_error_and_no_warning():
    async with world() as here:
        found = await here.examined(bundle={})
    assert [finding for finding in found.findings if finding.severity is not Severity.NOTE] == []
    assert [finding.evidence for finding in found.findings if finding.code == "governance.replay"] == ["1 times"]


@pytest.mark.parametrize("row", PLANTED, ids=[row["fault"] for row in PLANTED])
async def test_a_planted_difference_is_found_by_its_code_and_nothing_else_is_an_error(row):
    async with world(row) as here:
        found = (await here.examined(bundle=row.get("bundle", {}))).findings
    codes = {(finding.code, finding.severity) for finding in found}
    assert (row["code"], SEVERITIES[row.get("severity", "error")]) in codes, found
    errors = {code for code, severity in codes if severity is Severity.ERROR}
    assert errors <= {row["code"], *row.get("also", ())}
