"""Introspection and revocation on the wire (RFC 7662, RFC 7009)."""

from __future__ import annotations

import pytest

from grantd.v1 import authorization_pb2 as pb
from grantd.v1 import client_pb2
from grantd_server.refusals import Public
from shim_fakes import AS, Refuse, basic, fronted

ACTIVE = pb.IntrospectTokenResponse(
    active=True,
    scope="files:read",
    client_id="cli",
    token_type="DPoP",
    exp=1795292102,
    iat=1795291202,
    nbf=1795291201,
    sub="user-1",
    aud=["https://mcp.example/files"],
    iss=AS,
    jti="j1",
    cnf=pb.Confirmation(jkt="thumb", x5t_s256="cert"),
    acr="urn:mfa",
    auth_time=0,
    amr=["pwd", "otp"],
    authorization_details='[{"type":"x"}]',
)


@pytest.mark.req("C-16", "C-18")
@pytest.mark.parametrize("hint", [None, "access_token", "whatever"])
async def test_an_introspection_becomes_one_rpc(hint):
    async with fronted() as front:
        form = {"token": "t"} | ({"token_type_hint": hint} if hint else {})
        await front.post("/as/introspect", form, authorization=basic("rs", "s"))
        sent = front.only("IntrospectToken")
    secret = client_pb2.ClientSecret(secret="s", method=client_pb2.CLIENT_SECRET_METHOD_BASIC)
    assert sent == pb.IntrospectTokenRequest(
        issuer=AS,
        client=client_pb2.ClientAuthentication(client_id="rs", secret=secret),
        observed=client_pb2.Observed(client_address="198.51.100.9", http_method="POST"),
        token="t",
        token_type_hint=hint,
    )


@pytest.mark.req("C-19", "C-20", "C-21", "C-29", "F-22")
async def test_an_active_token_shows_every_member_that_is_set():
    async with fronted() as front:
        front.service.answers["IntrospectToken"] = ACTIVE
        answer = await front.post("/as/introspect", {"token": "t"})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json() == {
        "active": True,
        "scope": "files:read",
        "client_id": "cli",
        "token_type": "DPoP",
        "exp": 1795292102,
        "iat": 1795291202,
        "nbf": 1795291201,
        "sub": "user-1",
        "aud": "https://mcp.example/files",
        "iss": AS,
        "jti": "j1",
        "cnf": {"jkt": "thumb", "x5t#S256": "cert"},
        "acr": "urn:mfa",
        "auth_time": 0,
        "amr": ["pwd", "otp"],
        "authorization_details": [{"type": "x"}],
    }


async def test_no_member_of_the_answer_is_forgotten():
    """A field added to the message must be rendered, or left out on purpose."""
    async with fronted() as front:
        front.service.answers["IntrospectToken"] = ACTIVE
        answer = await front.post("/as/introspect", {"token": "t"})
    assert set(answer.json()) == {field.name for field in pb.IntrospectTokenResponse.DESCRIPTOR.fields}


async def test_members_that_are_not_set_are_left_out():
    async with fronted() as front:
        front.service.answers["IntrospectToken"] = pb.IntrospectTokenResponse(active=True, aud=["a", "b"])
        answer = await front.post("/as/introspect", {"token": "t"})
    assert answer.json() == {"active": True, "aud": ["a", "b"]}


@pytest.mark.req("C-22", "F-28", "F-46")
@pytest.mark.hostile("I03")
async def test_every_no_has_one_member_whatever_the_message_holds():
    async with fronted() as front:
        told_too_much = pb.IntrospectTokenResponse()
        told_too_much.CopyFrom(ACTIVE)
        told_too_much.active = False
        front.service.answers["IntrospectToken"] = told_too_much
        answer = await front.post("/as/introspect", {"token": "t"}, accept="application/token-introspection+jwt")
    assert (answer.status_code, answer.content) == (200, b'{"active":false}')
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.req("C-17", "F-25")
async def test_a_failed_authentication_at_introspection_is_401():
    async with fronted() as front:
        front.service.answers["IntrospectToken"] = Refuse(Public.CLIENT_AUTHENTICATION_FAILED)
        answer = await front.post("/as/introspect", {"token": "t"}, authorization=basic("rs", "s"))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic realm=")


@pytest.mark.req("C-16")
async def test_a_missing_token_is_left_to_the_service():
    async with fronted() as front:
        front.service.answers["IntrospectToken"] = Refuse(Public.PARAMETER_MISSING)
        answer = await front.post("/as/introspect", {"token": ""})
        assert not front.only("IntrospectToken").HasField("token")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.req("F-29")
async def test_a_revocation_is_answered_by_200_and_nothing():
    async with fronted() as front:
        answer = await front.post("/as/revoke", {"token": "t", "token_type_hint": "h"}, authorization=basic("c", "s"))
        sent = front.only("RevokeToken")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-length"] == "0"
    assert "content-type" not in answer.headers
    assert (sent.issuer, sent.token, sent.token_type_hint, sent.client.client_id) == (AS, "t", "h", "c")


@pytest.mark.req("F-27")
async def test_a_revocation_that_cannot_be_decided_is_503():
    async with fronted() as front:
        front.service.answers["RevokeToken"] = Refuse(Public.UNAVAILABLE)
        answer = await front.post("/as/revoke", {"token": "t"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize("path", ["/idp/introspect", "/idp/revoke"])
async def test_a_grant_issuer_has_no_such_endpoint(path):
    async with fronted() as front:
        answer = await front.post(path, {"token": "t"}, authorization=basic("rs", "s"))
        assert [name for name, _ in front.service.got] == ["ListIssuers"]
    assert answer.status_code == 404
    assert answer.headers["cache-control"] == "no-store"
