"""A bundle and what is live: equal is healthy, and every planted difference is found."""

from __future__ import annotations

import pytest

from doctor_judging import meeting
from doctor_world import faults, world
from grantd_server.doctor.findings import Severity

PLANTED = faults("doctor_faults_governance")
FRESH = faults("doctor_faults_fresh_governance")
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


@pytest.mark.parametrize("row", FRESH, ids=[row["fault"] for row in FRESH])
async def test_a_difference_of_the_field_is_found_with_its_severity_and_its_words(row):
    async with world(row) as here:
        found = (await here.examined(bundle=row["bundle"])).findings
    assert meeting(row, found), found


async def test_proofs_that_both_speak_of_and_keys_that_both_have_are_no_difference():
    taken = {"json": {"dpop_signing_alg_values_supported": ["ES256"]}}
    plant = {"issuer.metadata": taken, "server.metadata": taken, "idp.jwks": {"keys": ["idp", "other-rsa"]}}
    bundle = {
        "grant_issuers.grants.dpop": "optional",
        "authorization_servers.tools.dpop": "required",
        "identity_providers.corp.keys": {"jwks": {"keys": ["idp", "other-rsa"]}},
    }
    async with world({"plant": plant}) as here:
        found = (await here.examined(bundle=bundle)).findings
    assert [finding for finding in found if finding.severity is not Severity.NOTE] == []


async def test_a_grant_issuer_of_somebody_else_that_the_bundle_trusts_is_known():
    bundle = {
        "grant_issuers.grants.issuer": "https://grants.elsewhere.example",
        "trusted_issuers.partner.issuer": "{issuer}",
        "trusted_issuers.partner.keys": {"discovery": True},
    }
    async with world() as here:
        found = (await here.examined(bundle=bundle)).findings
    assert [finding for finding in found if finding.severity is not Severity.NOTE] == []
    assert [finding.evidence for finding in found if finding.code == "governance.replay"] == ["1 times"]
