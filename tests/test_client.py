"""The typed gRPC clients: what they send, what they return, and when they try again."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from typing import Any

import grpc
import pytest

from grantd.client import AsyncClient, Client, calls
from grantd.client.channel import Endpoint
from grantd.client.credentials import ClientAssertion, ClientSecret, TlsPeer
from grantd.client.retry import Retry
from grantd.errors import Refused, Unavailable
from grantd.v1 import authorization_pb2 as pb
from grantd_rpc_ import ACTIVE, DECISION, GRANT, INACTIVE, JWKS, METADATA, SESSION, TOKEN, fail, refuse, scripted
from grantd_server.refusals import Public
from serving_ import base_of, listening

SECRET = ClientSecret("assistant", "canary-secret")
AT = {"issuer": "https://as.example/as", "credentials": SECRET}
QUICK = Retry(attempts=3, first_pause=0.001, longest_pause=0.002)

EXCHANGE = {**AT, "subject_token": "canary-id-token", "audience": "https://as", "resource": ["https://mcp.example/mcp"]}

Caller = Callable[..., Awaitable[Any]]


@contextlib.asynccontextmanager
async def _asynchronous(target: str, **settings: Any):
    async with AsyncClient(Endpoint.loopback(target), **settings) as client:
        yield lambda method, **arguments: getattr(client, method)(**arguments)


@contextlib.asynccontextmanager
async def _blocking(target: str, **settings: Any):
    with Client(Endpoint.loopback(target), **settings) as client:
        yield lambda method, **arguments: asyncio.to_thread(partial(getattr(client, method), **arguments))


@pytest.fixture(params=[_asynchronous, _blocking], ids=["aio", "blocking"])
def connect(request):
    """Both clients by one interface: they are twins, so every test is about both."""
    return request.param


async def test_leg_1_sends_what_was_asked_and_returns_the_grant(connect):
    async with scripted(GRANT) as (target, script), connect(target) as call:
        grant = await call("exchange_identity", **EXCHANGE, scope="tickets:read")
    sent = script.seen[0]
    assert (sent.issuer, list(sent.audience), list(sent.resource)) == (
        AT["issuer"],
        ["https://as"],
        ["https://mcp.example/mcp"],
    )
    assert sent.scope == "tickets:read"
    assert sent.subject_token_type == "urn:ietf:params:oauth:token-type:id_token"
    assert sent.requested_token_type == "urn:ietf:params:oauth:token-type:id-jag"
    assert sent.client.secret.secret == "canary-secret"
    assert grant.token == "the.id.jag"
    assert grant.scope == ("tickets:read", "tickets:write")
    assert (grant.expires_in, grant.decision_id) == (300, DECISION)


async def test_authorization_details_travel_as_json_and_come_back_as_objects(connect):
    details = [{"type": "queue", "queue": "röd"}]
    granted, token, active = (type(answer)() for answer in (GRANT, TOKEN, ACTIVE))
    for answer, of in ((granted, GRANT), (token, TOKEN), (active, ACTIVE)):
        answer.CopyFrom(of)
        answer.authorization_details = '[{"type": "queue", "queue": "röd"}]'
    async with scripted(granted, token, active) as (target, script), connect(target) as call:
        grant = await call("exchange_identity", **EXCHANGE, authorization_details=details)
        issued = await call("redeem_grant", **AT, assertion="a", authorization_details=details)
        seen = await call("introspect_token", **AT, token="t")
    assert [json.loads(sent.authorization_details) for sent in script.seen[:2]] == [details, details]
    assert [list(each.authorization_details) for each in (grant, issued, seen)] == [details] * 3


async def test_what_was_not_said_is_absent_in_the_message(connect):
    async with scripted(GRANT) as (target, script), connect(target) as call:
        await call("exchange_identity", **EXCHANGE)
    assert not script.seen[0].HasField("scope")
    assert not script.seen[0].HasField("observed")


async def test_one_resource_given_as_text_is_one_resource(connect):
    async with scripted(TOKEN) as (target, script), connect(target) as call:
        await call("redeem_grant", **AT, assertion="a", resource="https://m")
    assert list(script.seen[0].resource) == ["https://m"]


async def test_leg_2_returns_the_access_token(connect):
    async with scripted(TOKEN) as (target, script), connect(target) as call:
        token = await call("redeem_grant", **AT, assertion="canary-id-jag", scope="tickets:read")
    assert script.seen[0].assertion == "canary-id-jag"
    assert (token.access_token, token.token_type, token.expires_in) == ("the.access.token", "Bearer", 900)


@pytest.mark.req("A-34")
async def test_a_sign_in_is_remembered_by_a_refresh_token(connect):
    async with scripted(GRANT) as (target, script), connect(target) as call:
        session = await call("remember_sign_in", **AT, subject_token="canary-id-token")
    sent = script.seen[0]
    assert sent.requested_token_type == "urn:ietf:params:oauth:token-type:refresh_token"
    assert (sent.subject_token, sent.subject_token_type) == ("canary-id-token", calls.ID_TOKEN)
    assert (list(sent.audience), list(sent.resource), sent.HasField("scope")) == ([], [], False)
    assert (session.token, session.expires_in, session.decision_id) == ("the.id.jag", 300, DECISION)
    assert "the.id.jag" not in repr(session)


@pytest.mark.req("A-39")
async def test_a_refresh_token_is_replaced_and_the_attempt_is_never_repeated(connect):
    async with scripted(SESSION) as (target, script), connect(target) as call:
        session = await call("refresh_token", **AT, token="canary-refresh-token")
    assert (script.seen[0].issuer, script.seen[0].refresh_token) == (AT["issuer"], "canary-refresh-token")
    assert script.seen[0].client.secret.secret == "canary-secret"
    assert (session.token, session.expires_in, session.decision_id) == ("the-refresh-token", 3600, DECISION)
    async with scripted(fail(grpc.StatusCode.UNAVAILABLE)) as (target, script), connect(target, retry=QUICK) as call:
        with pytest.raises(Unavailable):
            await call("refresh_token", **AT, token="canary-refresh-token")
    assert len(script.seen) == 1


async def test_introspection_tells_absent_members_from_present_ones(connect):
    async with scripted(ACTIVE) as (target, script), connect(target) as call:
        answer = await call("introspect_token", **AT, token="t", fresh=True)
    assert script.seen[0].consistency == pb.CONSISTENCY_FULL
    assert (answer.active, answer.scope, answer.sub, answer.aud) == (True, ("tickets:read",), "u", ("https://m",))
    assert (answer.acr, answer.auth_time, answer.bound) == (None, None, False)


async def test_inactive_is_nothing_but_inactive(connect):
    async with scripted(INACTIVE) as (target, _), connect(target) as call:
        answer = await call("introspect_token", **AT, token="t")
    assert not answer.active
    assert (answer.exp, answer.sub, answer.scope) == (None, None, ())


async def test_a_batch_is_answered_in_its_order(connect):
    both = pb.IntrospectTokensResponse(results=[INACTIVE, ACTIVE])
    async with scripted(both) as (target, script), connect(target) as call:
        answers = await call("introspect_tokens", **AT, tokens=["a", "b"])
    assert list(script.seen[0].tokens) == ["a", "b"]
    assert [answer.active for answer in answers] == [False, True]


async def test_revocation_returns_nothing(connect):
    async with scripted(pb.RevokeTokenResponse()) as (target, script), connect(target) as call:
        assert await call("revoke_token", **AT, token="t") is None
    assert script.seen[0].token == "t"


async def test_metadata_and_keys_are_read_over_grpc(connect):
    async with scripted(METADATA, JWKS) as (target, _), connect(target) as call:
        metadata = await call("issuer_metadata", issuer="https://as")
        keys = await call("jwks", issuer="https://as")
    assert metadata.token_endpoint == "https://as/token"
    assert keys == {
        "keys": [{"kid": "k1", "kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "x": "eA", "y": "eQ"}]
    }


async def test_a_refusal_is_raised_at_once_with_all_that_may_be_known(connect):
    answer = refuse(Public.STEP_UP_REQUIRED, max_age="600", acr_values="mfa hwk")
    async with scripted(answer) as (target, script), connect(target, retry=QUICK) as call:
        with pytest.raises(Refused) as caught:
            await call("exchange_identity", **EXCHANGE)
    error = caught.value
    assert len(script.seen) == 1
    assert (error.code, error.reason, error.oauth_error) == (
        "FAILED_PRECONDITION",
        "STEP_UP_REQUIRED",
        "insufficient_user_authentication",
    )
    assert (error.max_age, error.acr_values, error.decision_id) == (600, ("mfa", "hwk"), DECISION)
    assert error.description == Public.STEP_UP_REQUIRED.sentence
    assert DECISION in str(error)


async def test_unavailable_is_tried_again_until_it_is_answered(connect):
    unavailable = refuse(Public.UNAVAILABLE)
    async with scripted(unavailable, unavailable, GRANT) as (target, script), connect(target, retry=QUICK) as call:
        grant = await call("exchange_identity", **EXCHANGE)
    assert grant.token == "the.id.jag"
    assert len(script.seen) == 3


async def test_trying_again_ends_after_the_attempts(connect):
    async with scripted(refuse(Public.UNAVAILABLE)) as (target, script), connect(target, retry=QUICK) as call:
        with pytest.raises(Unavailable) as caught:
            await call("introspect_token", **AT, token="t")
    assert len(script.seen) == QUICK.attempts
    assert caught.value.reason == "UNAVAILABLE"


@pytest.mark.req("X-2")
async def test_redeeming_is_never_tried_again_so_that_an_unknown_outcome_is_seen(connect):
    async with scripted(refuse(Public.UNAVAILABLE), TOKEN) as (target, script), connect(target, retry=QUICK) as call:
        with pytest.raises(Unavailable) as caught:
            await call("redeem_grant", **AT, assertion="a")
    assert len(script.seen) == 1
    assert (caught.value.reason, caught.value.oauth_error) == ("UNAVAILABLE", "temporarily_unavailable")


@pytest.mark.parametrize("public", [Public.OVERLOADED, Public.OUT_OF_TIME, Public.INTERNAL], ids=lambda row: row.name)
async def test_other_failures_of_the_service_are_unavailable_but_not_repeated(connect, public):
    async with scripted(refuse(public)) as (target, script), connect(target, retry=QUICK) as call:
        with pytest.raises(Unavailable):
            await call("exchange_identity", **EXCHANGE)
    assert len(script.seen) == 1


async def test_the_deadline_holds_for_all_attempts_together(connect):
    slow = Retry(attempts=10, first_pause=100, longest_pause=100)
    answer = fail(grpc.StatusCode.UNAVAILABLE)
    async with scripted(answer) as (target, script), connect(target, retry=slow, deadline=0.5) as call:
        with pytest.raises(Unavailable):
            await asyncio.wait_for(call("introspect_token", **AT, token="t"), 5)
    assert 1 <= len(script.seen) < slow.attempts


async def test_a_call_without_an_answer_ends_with_the_deadline(connect):
    with closing(listening()) as deaf:
        async with connect(base_of(deaf).removeprefix("http://"), deadline=0.3) as call:
            with pytest.raises(Unavailable) as caught:
                await asyncio.wait_for(call("redeem_grant", **AT, assertion="canary-id-jag"), 10)
    assert caught.value.code in {"DEADLINE_EXCEEDED", "UNAVAILABLE"}
    assert caught.value.oauth_error is None


async def test_each_attempt_carries_a_client_assertion_of_its_own(connect):
    made = iter(["first", "second", "third"])
    credentials = ClientAssertion(lambda: next(made))
    unavailable = refuse(Public.UNAVAILABLE)
    async with scripted(unavailable, GRANT) as (target, script), connect(target, retry=QUICK) as call:
        await call("exchange_identity", **{**EXCHANGE, "credentials": credentials})
    assert [sent.client.assertion.assertion for sent in script.seen] == ["first", "second"]


async def test_the_peer_itself_can_be_the_credential(connect):
    async with scripted(GRANT) as (target, script), connect(target) as call:
        await call("exchange_identity", **{**EXCHANGE, "credentials": TlsPeer("batch")})
    assert script.seen[0].client.WhichOneof("method") == "peer"
    assert script.seen[0].client.client_id == "batch"


async def test_the_trace_is_passed_on_and_nothing_else_of_the_hook(connect):
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"traceparent": parent, "tracestate": "a=1", "authorization": "Bearer canary"}
    async with scripted(GRANT) as (target, script), connect(target, trace=lambda: headers) as call:
        await call("exchange_identity", **EXCHANGE)
    sent = script.metadata[0]
    assert (sent["traceparent"], sent["tracestate"]) == (parent, "a=1")
    assert "authorization" not in sent


def test_no_token_and_no_secret_shows_in_a_repr():
    from grantd.client import results  # noqa: PLC0415 - the subject of this test

    shown = repr((results.issued_grant(GRANT, None), results.issued_token(TOKEN, None), SECRET))
    for canary in ("the.id.jag", "the.access.token", "canary"):
        assert canary not in shown


def test_pauses_grow_to_a_cap_and_are_spread():
    retry = Retry(attempts=12, first_pause=0.1, longest_pause=0.4)
    rounds = [list(retry.pauses(repeatable=True)) for _ in range(50)]
    assert all(len(pauses) == 11 for pauses in rounds)
    assert all(pause <= 0.4 for pauses in rounds for pause in pauses)
    assert all(pauses[0] <= 0.1 for pauses in rounds)
    assert max(pauses[5] for pauses in rounds) > 0.1
    assert len({pauses[0] for pauses in rounds}) > 40
    assert list(retry.pauses(repeatable=False)) == []
