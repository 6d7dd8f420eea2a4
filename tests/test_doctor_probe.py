"""A sign-in walked through both legs: an honest walk is healthy, and every planted fault
of a token or an answer is found."""

from __future__ import annotations

import json

import pytest

from doctor_walk import SECRETS, Walk
from doctor_world import faults, world
from grantd_server.doctor import report
from grantd_server.doctor.findings import Severity

PLANTED = faults("doctor_faults_probe")
SEVERITIES = {"error": Severity.ERROR, "warning": Severity.WARNING}
NOTES = {"replay.once", "resource.opened", "revocation.done"}


async def walked(fault):
    async with world() as here:
        here.walk = Walk(fault)
        return await here.examined(), here.walk


async def test_an_honest_walk_is_healthy_asks_twice_and_revokes():
    found, walk = await walked({})
    assert [finding for finding in found.findings if finding.severity is not Severity.NOTE] == []
    assert {finding.code for finding in found.findings} >= NOTES
    assert [sorted(form) for form in walk.sent[1:]] == [["assertion", "grant_type", "resource"]] * 2
    assert walk.sent[0]["audience"] == "https://as.tools.example/as"
    assert walk.revoked == [walk.access_token]


@pytest.mark.parametrize("row", PLANTED, ids=[row["fault"] for row in PLANTED])
async def test_a_planted_fault_is_found_by_its_code_and_nothing_else_is_an_error(row):
    found, walk = await walked(row)
    codes = {(finding.code, finding.severity) for finding in found.findings}
    assert (row["code"], SEVERITIES[row.get("severity", "error")]) in codes, found.findings
    errors = {code for code, severity in codes if severity is Severity.ERROR}
    assert errors <= {row["code"], *row.get("also", ())}
    told = report.text(found) + json.dumps(report.document(found))
    for secret in (walk.subject_token(), *walk.grants, walk.access_token, "u-canary", "canary-of-leg", *SECRETS):
        for part in filter(None, secret.split(".")):
            assert part not in told


async def test_what_an_error_repeats_of_the_request_is_withheld():
    walk = Walk({})
    token = walk.subject_token()
    walk.fault = {"refuse1": {"error": "invalid_grant", "error_description": f"bad {token} of {SECRETS[0]}"}}
    async with world() as here:
        here.walk = walk
        walk.subject_token = lambda: token
        told = report.text(await here.examined())
    assert "leg1.refused" in told
    assert "bad (withheld)" in told
    assert not any(part in told for part in (*token.split("."), SECRETS[0]))


async def test_both_tokens_are_revoked_where_a_grant_is_good_twice():
    found, walk = await walked({"replay": "accepted"})
    assert len(walk.revoked) == 2
    assert "replay.again" in {finding.code for finding in found.findings}


async def test_a_walk_ends_where_it_is_refused():
    found, walk = await walked({"refuse1": {"error": "access_denied"}})
    assert len(walk.sent) == 1
    assert not walk.revoked
    assert found.view.journey.leg2 is None


def codes_of(found):
    return {finding.code for finding in found.findings}


@pytest.mark.parametrize("leg", ["leg1", "leg2"])
async def test_what_is_no_json_web_token_is_told_and_not_shown(leg):
    found, _ = await walked({leg: {"access_token": "opaque-canary-of-leg"}})
    assert ("grant.form" if leg == "leg1" else "access.opaque") in codes_of(found)
    assert "canary" not in report.text(found)


async def test_a_sign_in_that_is_no_token_is_told_and_sent_all_the_same():
    walk = Walk()
    walk.subject_token = lambda: "no-token-canary"
    async with world() as here:
        here.walk = walk
        found = await here.examined()
    assert "subject.form" in codes_of(found)
    assert walk.sent[0]["subject_token"] == "no-token-canary"
    assert "canary" not in report.text(found)


@pytest.mark.parametrize(("begins", "told"), [(10, False), (600, True)])
async def test_a_grant_of_a_clock_that_is_ahead_is_told(begins, told):
    found, _ = await walked({"grant": {"iat": begins, "exp": begins + 300}})
    assert ("grant.future" in codes_of(found)) is told
    assert found.healthy is not told


async def test_a_key_bound_token_is_not_sent_without_its_proof():
    found, _walk = await walked({"leg2": {"token_type": "DPoP"}})
    assert "access.bound" in codes_of(found)
    assert not {"resource.opened", "resource.refused"} & codes_of(found)


async def test_without_a_revocation_endpoint_tokens_live_on_and_that_is_told():
    fault = {"plant": {"server.metadata": {"json": {"revocation_endpoint": None}}}}
    async with world(fault) as here:
        here.walk = Walk()
        found = await here.examined()
    assert "revocation.none" in codes_of(found)
    assert here.walk.revoked == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"issuer.metadata": {"json": {"issuer": "{issuer}/"}}}, "the metadata of the grant issuer are not its own"),
        ({"server.metadata": {"json": {"issuer": "https://a.example"}}}, "of the authorization server are not its own"),
        ({"server.metadata": {"json": {"token_endpoint": None}}}, "the authorization server names no token endpoint"),
        ({"issuer.metadata": {"status": 404}}, "the metadata of the grant issuer are not its own"),
    ],
)
async def test_no_credential_goes_to_where_doubtful_metadata_say(change, why):
    async with world({"plant": change}) as here:
        here.walk = Walk()
        found = await here.examined()
    told = {finding.code: finding.evidence for finding in found.findings}
    assert why in told["probe.not-begun"]
    assert not here.walk.sent
    assert b"Basic " not in b"".join(here.requests)


@pytest.mark.parametrize("party", ["server", "resource", "issuer", "idp"])
async def test_a_walk_leaves_out_what_was_not_named(party):
    names = {
        "server": "authorization_server",
        "resource": "resource",
        "issuer": "grant_issuer",
        "idp": "identity_provider",
    }
    async with world({"asked": {names[party]: ""}}) as here:
        here.setup = {name: value for name, value in here.setup.items() if value}
        here.walk = Walk({"grant": {"resource": None}})
        if party == "resource":
            here.walk._leg1 = lambda form, honest=here.walk._leg1: honest({"resource": None, **form})
        found = await here.examined()
    assert bool(here.walk.sent) is (party != "issuer")
    assert "leg1.refused" not in codes_of(found)


async def test_a_session_at_the_mcp_server_is_ended():
    walk = Walk()
    honest = walk._called

    def with_session(token):
        page = honest(token)
        if page is not None:
            page.headers["Mcp-Session-Id"] = "session-7"
        return page

    walk._called = with_session
    async with world() as here:
        here.walk = walk
        await here.examined()
    ended = [request for request in here.requests if request.startswith(b"DELETE /mcp ")]
    assert len(ended) == 1
    assert b"session-7" in ended[0]


async def test_a_failure_on_the_way_is_a_finding():
    async with world(
        {"plant": {"server.metadata": {"json": {"revocation_endpoint": "https://gone.corp.example/r"}}}}
    ) as here:
        here.walk = Walk()
        found = await here.examined()
    assert "document.unreachable" in codes_of(found)
