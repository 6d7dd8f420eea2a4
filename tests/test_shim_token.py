"""Both grants at the token endpoint: the message that is sent, and the answer."""

from __future__ import annotations

import orjson
import pytest

from grantd.v1 import authorization_pb2 as pb
from grantd.v1 import client_pb2
from grantd_server.refusals import Public
from grantd_server.shim import ShimLimits
from shim_fakes import AS, CLIENT, EXCHANGE, IDP, LEG_1, LEG_2, REDEEM, Refuse, basic, fronted


@pytest.mark.req("A-01", "F-09", "F-12", "F-47")
async def test_a_token_exchange_becomes_exchange_identity_with_every_parameter():
    async with fronted() as front:
        answer = await front.post("/idp/token", LEG_1)
        sent = front.only("ExchangeIdentity")
    assert answer.status_code == 200
    posted = client_pb2.ClientSecret(secret="s", method=client_pb2.CLIENT_SECRET_METHOD_POST)
    assert sent == pb.ExchangeIdentityRequest(
        issuer=IDP,
        client=client_pb2.ClientAuthentication(client_id="desk", secret=posted),
        observed=client_pb2.Observed(client_address="198.51.100.9", http_method="POST"),
        requested_token_type="urn:ietf:params:oauth:token-type:id-jag",
        audience=[AS],
        resource=["https://mcp.example/files", "https://mcp.example/mail"],
        scope="files:read files:write",
        authorization_details='[{"type":"x"}]',
        subject_token="id.token.x",
        subject_token_type="urn:ietf:params:oauth:token-type:id_token",
        actor_token="actor",
        actor_token_type="urn:ietf:params:oauth:token-type:jwt",
    )


@pytest.mark.req("B-01", "F-10", "F-13", "F-47")
async def test_a_jwt_bearer_grant_becomes_redeem_grant_with_every_parameter():
    async with fronted() as front:
        answer = await front.post("/as/token", LEG_2, authorization=basic("cli", "s"))
        sent = front.only("RedeemGrant")
    assert answer.status_code == 200
    secret = client_pb2.ClientSecret(secret="s", method=client_pb2.CLIENT_SECRET_METHOD_BASIC)
    assert sent == pb.RedeemGrantRequest(
        issuer=AS,
        client=client_pb2.ClientAuthentication(client_id="cli", secret=secret),
        observed=client_pb2.Observed(client_address="198.51.100.9", http_method="POST"),
        assertion="id.jag.x",
        scope="files:read",
        resource=["https://mcp.example/files"],
    )


@pytest.mark.req("F-05", "F-47", "B-01")
async def test_absent_and_empty_parameters_stay_unset():
    async with fronted() as front:
        await front.post("/as/token", {"grant_type": REDEEM, "assertion": "", "scope": ""})
        sent = front.only("RedeemGrant")
    assert not sent.HasField("assertion")
    assert not sent.HasField("scope")
    assert not sent.HasField("grant_type")
    assert sent.client.WhichOneof("method") is None


@pytest.mark.req("A-71", "A-73", "A-74", "A-75", "A-78", "F-19", "F-21", "F-22")
@pytest.mark.hostile("H09")
async def test_an_exchanged_grant_is_answered_as_rfc_8693_wants():
    async with fronted() as front:
        answer = await front.post("/idp/token", LEG_1)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert answer.headers["x-grantd-decision-id"] == "dec-ok"
    assert orjson.loads(answer.content) == {
        "access_token": "id.jag.x",
        "issued_token_type": "urn:ietf:params:oauth:token-type:id-jag",
        "token_type": "N_A",
        "expires_in": 300,
        "scope": "files:read",
        "resource": "https://mcp.example/files",
    }


@pytest.mark.req("A-75", "A-77", "F-22")
async def test_several_resources_are_an_array_and_none_is_no_member():
    async with fronted() as front:
        several = front.service.answers["ExchangeIdentity"]
        several.resource.append("https://mcp.example/mail")
        several.authorization_details = '[{"type":"x"}]'
        body = (await front.post("/idp/token", LEG_1)).json()
        assert body["resource"] == ["https://mcp.example/files", "https://mcp.example/mail"]
        assert body["authorization_details"] == [{"type": "x"}]
        del several.resource[:]
        assert "resource" not in (await front.post("/idp/token", LEG_1)).json()


@pytest.mark.req("F-19", "F-21", "F-22")
@pytest.mark.hostile("H09")
async def test_an_access_token_is_answered_without_refresh_token():
    async with fronted() as front:
        answer = await front.post("/as/token", LEG_2)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "access_token": "at.at.x",
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": "files:read",
    }


@pytest.mark.req("F-33")
@pytest.mark.parametrize(
    ("path", "grant_type"),
    [
        ("/idp/token", REDEEM),
        ("/as/token", EXCHANGE),
        ("/as/token", "client_credentials"),
        ("/as/token", REDEEM.upper()),
        ("/as/token", REDEEM + " "),
        ("/as/token", "authorization_code"),
        ("/as/token", "refresh_token"),
    ],
)
async def test_a_grant_that_the_issuer_does_not_offer_is_refused(path, grant_type):
    async with fronted() as front:
        answer = await front.post(path, LEG_2 | {"grant_type": grant_type})
        sent = front.only("RefuseRequest")
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
    issuer = IDP if path.startswith("/idp") else AS
    assert sent == pb.RefuseRequestRequest(
        issuer=issuer,
        endpoint=pb.ENDPOINT_TOKEN,
        fault=pb.WIRE_FAULT_GRANT_TYPE,
        parameter="grant_type",
        observed=client_pb2.Observed(client_address="198.51.100.9", http_method="POST"),
    )


async def test_every_call_has_a_deadline():
    async with fronted(ShimLimits(call_seconds=3.0)) as front:
        for path, form in (("/idp/token", LEG_1), ("/as/token", LEG_2), ("/as/token", {}), ("/as/introspect", {})):
            await front.post(path, form)
        await front.post("/as/revoke", {})
        await front.client.get("/as/jwks.json")
        assert len(front.service.seconds_left) == 7
        # The peer rounds what it is told; without a deadline it would see decades.
        assert all(0 < left < 4 for left in front.service.seconds_left)


async def test_a_message_that_the_service_could_not_receive_is_413():
    async with fronted(ShimLimits(message_bytes=4000)) as front:
        answer = await front.post("/as/token", LEG_2 | {"assertion": "x" * 4000})
        assert front.only("RefuseRequest").fault == pb.WIRE_FAULT_BODY_TOO_LARGE
    assert answer.status_code == 413


@pytest.mark.req("F-27")
async def test_a_service_that_accepts_what_it_should_refuse_is_an_internal_error():
    async with fronted() as front:
        front.service.answers["RefuseRequest"] = pb.RefuseRequestResponse()
        answer = await front.post("/as/token", {})
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")


@pytest.mark.req("F-27")
@pytest.mark.hostile("H16")
async def test_a_fault_of_the_shim_leaves_as_an_error_id_only(caplog):
    async with fronted() as front:
        front.service.answers["RedeemGrant"].authorization_details = "canary-no-json"
        answer = await front.post("/as/token", LEG_2 | CLIENT)
    assert answer.status_code == 500
    assert answer.json() == {"error": "server_error", "error_description": Public.INTERNAL.sentence}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-grantd-error-id"] in caplog.text
    assert "canary" not in caplog.text
    assert "canary" not in answer.text


async def test_a_refused_call_is_not_sent_again():
    async with fronted() as front:
        front.service.answers["RedeemGrant"] = Refuse(Public.UNAVAILABLE)
        await front.post("/as/token", LEG_2)
        assert len(front.service.sent("RedeemGrant")) == 1
