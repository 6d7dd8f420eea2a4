"""Which parameters count, where, and how often."""

from __future__ import annotations

import pytest

from grantd.v1 import authorization_pb2 as pb
from shim_fakes import AS, EXCHANGE, LEG_1, LEG_2, REDEEM, fronted


@pytest.mark.req("F-32")
@pytest.mark.parametrize("form", [{}, {"grant_type": ""}, {"assertion": "x"}])
async def test_a_missing_grant_type_is_invalid_request(form):
    async with fronted() as front:
        answer = await front.post("/as/token", form)
        sent = front.only("RefuseRequest")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (sent.fault, sent.parameter) == (pb.WIRE_FAULT_MISSING_PARAMETER, "grant_type")


@pytest.mark.req("F-06", "F-32", "B-01")
@pytest.mark.hostile("H04", "X01")
@pytest.mark.parametrize(
    ("path", "form", "name"),
    [
        ("/idp/token", LEG_1, "grant_type"),
        ("/idp/token", LEG_1, "scope"),
        ("/idp/token", LEG_1, "subject_token"),
        ("/idp/token", LEG_1, "client_id"),
        ("/idp/token", LEG_1, "client_secret"),
        ("/as/token", LEG_2, "assertion"),
        ("/as/token", LEG_2, "grant_type"),
        ("/as/token", LEG_2 | {"audience": AS}, "audience"),
        ("/as/introspect", {"token": "t"}, "token"),
        ("/as/introspect", {"token": "t", "resource": "r"}, "resource"),
        ("/as/revoke", {"token": "t", "token_type_hint": "h"}, "token_type_hint"),
    ],
)
async def test_a_repeated_parameter_is_refused(path, form, name):
    async with fronted() as front:
        answer = await front.post(path, form | {name: [form[name], "other"]})
        sent = front.only("RefuseRequest")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (sent.fault, sent.parameter) == (pb.WIRE_FAULT_REPEATED_PARAMETER, name)


@pytest.mark.req("F-06", "A-06")
async def test_audience_and_resource_may_repeat_where_the_specifications_say_so():
    async with fronted() as front:
        await front.post("/idp/token", LEG_1 | {"audience": ["a", "b"], "resource": ["c", "c"]})
        sent = front.only("ExchangeIdentity")
        assert (list(sent.audience), list(sent.resource)) == (["a", "b"], ["c", "c"])
        await front.post("/as/token", LEG_2 | {"resource": ["c", "d"]})
        assert list(front.service.sent("RedeemGrant")[0].resource) == ["c", "d"]


@pytest.mark.req("F-03")
async def test_the_query_is_ignored():
    async with fronted() as front:
        await front.post(f"/as/token?grant_type={EXCHANGE}&client_secret=q&assertion=q&scope=q", LEG_2)
        sent = front.only("RedeemGrant")
    assert (sent.assertion, sent.scope, sent.client.WhichOneof("method")) == ("id.jag.x", "files:read", None)


@pytest.mark.req("F-03")
async def test_a_token_in_the_url_alone_is_no_parameter():
    async with fronted() as front:
        answer = await front.post(f"/as/token?grant_type={REDEEM}&assertion=x", {})
        assert front.only("RefuseRequest").fault == pb.WIRE_FAULT_MISSING_PARAMETER
    assert answer.status_code == 400


@pytest.mark.req("F-04")
async def test_unknown_parameters_are_ignored():
    async with fronted() as front:
        answer = await front.post("/as/token", LEG_2 | {"x-custom": "1", "redirect_uri": "y"})
        front.only("RedeemGrant")
    assert answer.status_code == 200


@pytest.mark.req("F-11", "F-07")
@pytest.mark.parametrize(
    ("raw", "scope"), [(b"a+b", "a b"), (b"a%20b", "a b"), (b"a%2Bb", "a+b"), (b"a%20%20b", "a  b")]
)
async def test_a_scope_reaches_the_service_as_it_was_meant(raw, scope):
    async with fronted() as front:
        await front.post("/as/token", f"grant_type={REDEEM}&assertion=x&scope=".encode() + raw)
        assert front.only("RedeemGrant").scope == scope
