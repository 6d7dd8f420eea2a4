"""The shim before the real service: the same channel as in one process."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

import organisation as org
from house import House
from shim_fakes import EXCHANGE, REDEEM, basic

ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"


async def metadata(house: House, issuer: str) -> dict[str, str]:
    parts = urlsplit(issuer)
    well_known = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path.rstrip('/')}"
    answer = await house.http.get(well_known)
    assert answer.status_code == 200
    assert answer.json()["issuer"] == issuer
    return answer.json()


async def test_both_legs_introspection_and_revocation_follow_the_published_metadata(house: House):
    grants, server = await metadata(house, org.GRANTS), await metadata(house, org.SERVER)
    exchange = {
        "grant_type": EXCHANGE,
        "requested_token_type": ID_JAG,
        "audience": org.SERVER,
        "resource": org.TICKETS,
        "scope": "tickets:read",
        "subject_token": house.id_token(),
        "subject_token_type": ID_TOKEN,
        "client_id": "desk-agent",
        "client_secret": org.DESK_SECRET,
    }
    issued = await house.http.post(grants["token_endpoint"], data=exchange)
    assert (issued.status_code, issued.json()["issued_token_type"]) == (200, ID_JAG)
    redeem = {"grant_type": REDEEM, "assertion": issued.json()["access_token"]}
    client = {"authorization": basic("cli_desk", org.TOOLS_SECRET)}
    redeemed = await house.http.post(server["token_endpoint"], data=redeem, headers=client)
    assert (redeemed.status_code, redeemed.json()["token_type"]) == (200, "Bearer")
    asked = {"token": redeemed.json()["access_token"]}
    rs = {"authorization": basic("rs-tickets", org.RS_SECRET)}
    active = await house.http.post(server["introspection_endpoint"], data=asked, headers=rs)
    assert (active.json()["active"], active.json()["aud"]) == (True, org.TICKETS)
    revoked = await house.http.post(server["revocation_endpoint"], data=asked, headers=client)
    assert (revoked.status_code, revoked.content) == (200, b"")
    inactive = await house.http.post(server["introspection_endpoint"], data=asked, headers=rs)
    assert inactive.content == b'{"active":false}'
    again = await house.http.post(server["token_endpoint"], data=redeem, headers=client)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


@pytest.mark.req("D-06")
@pytest.mark.parametrize(
    ("form", "status", "error", "reason"),
    [
        ({"client_id": "other"}, 401, "invalid_client", "CLIENT_ID_MISMATCH"),
        ({"client_secret": "x"}, 400, "invalid_request", "MULTIPLE_CREDENTIALS"),
        ({"scope": ["a", "b"]}, 400, "invalid_request", "PARAMETER_REPEATED"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", "GRANT_TYPE_UNSUPPORTED"),
    ],
)
async def test_a_request_that_is_no_call_is_recorded_by_its_own_reason(house: House, form, status, error, reason):
    server = await metadata(house, org.SERVER)
    sent = {"grant_type": REDEEM, "assertion": "x"} | form
    headers = {"authorization": basic("cli_desk", org.TOOLS_SECRET)}
    answer = await house.http.post(server["token_endpoint"], data=sent, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    record = await house.record(answer.headers["x-grantd-decision-id"])
    assert record["reason"] == reason


async def test_keys_are_published_where_the_metadata_says(house: House):
    for issuer in (org.GRANTS, org.SERVER):
        keys = (await house.http.get((await metadata(house, issuer))["jwks_uri"])).json()["keys"]
        assert keys
        assert all({"kid", "use", "alg"} <= set(key) and "d" not in key for key in keys)


async def test_a_service_with_a_bundle_is_ready(house: House):
    assert (await house.http.get("http://h/readyz")).status_code == 200
