"""The doctor finds every planted fault by its code, and calls nothing else an error."""

from __future__ import annotations

import pytest

from doctor_world import faults, world
from grantd_server.doctor.findings import Severity

PLANTED = [*faults(), *faults("doctor_faults_more")]
SEVERITIES = {"error": Severity.ERROR, "warning": Severity.WARNING, "note": Severity.NOTE}


async def test_a_healthy_set_up_has_no_error_and_no_warning():
    async with world() as here:
        found = await here.examined()
    assert [finding for finding in found.findings if finding.severity is not Severity.NOTE] == []
    assert found.healthy


@pytest.mark.parametrize("row", PLANTED, ids=[row["fault"] for row in PLANTED])
async def test_a_planted_fault_is_found_by_its_code_and_nothing_else_is_an_error(row):
    async with world(row) as here:
        found = (await here.examined()).findings
    codes = {(finding.code, finding.severity) for finding in found}
    assert (row["code"], SEVERITIES[row.get("severity", "error")]) in codes, found
    errors = {code for code, severity in codes if severity is Severity.ERROR}
    assert errors <= {row["code"], *row.get("also", ())}


async def test_who_issues_grants_itself_may_sign_its_own_id_tokens_as_it_likes():
    stated = {"id_token_signing_alg_values_supported": ["HS256"]}
    one = {"asked": {"identity_provider": "{issuer}"}, "plant": {"issuer.metadata": {"json": stated}}}
    async with world(one) as here:
        found = await here.examined()
    assert not any(finding.code.startswith("algorithms.") for finding in found.findings)


async def test_a_client_id_that_has_a_second_spelling_is_no_address_of_a_document():
    client_id = "https://DESK.corp.example/client.json"
    fault = {
        "asked": {"client": {"at_authorization_server": client_id}},
        "plant": {
            "server.metadata": {"json": {"client_id_metadata_document_supported": True}},
            "client.document": {"json": {"client_id": client_id}},
        },
    }
    async with world(fault) as here:
        found = await here.examined()
    told = {finding.code: finding.evidence for finding in found.findings}
    assert "not in its normal form" in told["client.document"]
