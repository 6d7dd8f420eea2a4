"""The shim as an ASGI application: heads, other scopes, and any bytes at all."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantd.v1 import metadata_pb2 as mpb
from grantd_server.shim import Shim, ShimLimits
from shim_fakes import FORM, REDEEM, fronted

VALID = f"grant_type={REDEEM}&assertion=x".encode()


@pytest.mark.parametrize("hosts", [[], ["a", "a"], ["a", "b"]])
async def test_a_request_has_exactly_one_host(hosts):
    async with fronted() as front:
        scope = {
            "type": "http",
            "method": "GET",
            "path": "/healthz",
            "http_version": "1.1",
            "headers": [(b"host", host.encode()) for host in hosts],
        }
        sent = []

        async def send(message):
            sent.append(message)

        await front.shim(scope, None, send)
    assert sent[0]["status"] == 400


async def test_http_1_0_needs_no_host():
    async with fronted() as front:
        scope = {"type": "http", "method": "GET", "path": "/healthz", "http_version": "1.0", "headers": []}
        sent = []

        async def send(message):
            sent.append(message)

        await front.shim(scope, None, send)
    assert sent[0]["status"] == 200


async def test_head_sends_no_body():
    async with fronted() as front:
        scope = {"type": "http", "method": "HEAD", "path": "/healthz", "headers": [(b"host", b"h")]}
        sent = []

        async def send(message):
            sent.append(message)

        await front.shim(scope, None, send)
    assert (sent[0]["status"], sent[1]["body"]) == (200, b"")


async def test_lifespan_is_answered_and_a_websocket_is_closed():
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = []

    async def receive():
        return events.pop(0)

    async def send(message):
        sent.append(message["type"])

    async with fronted() as front:
        await front.shim({"type": "lifespan"}, receive, send)
        await front.shim({"type": "websocket"}, receive, send)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]


class InProcess:
    """A channel without a network: fast enough for many examples."""

    def unary_unary(self, path, **_):
        async def refuse(message, timeout):  # noqa: ASYNC109 - the signature of a stub
            if path.endswith("ListIssuers"):
                issuer = "https://h/as"
                metadata = mpb.IssuerMetadata(
                    issuer=issuer,
                    kind=mpb.ISSUER_KIND_AUTHORIZATION_SERVER,
                    revocation_endpoint=f"{issuer}/revoke",
                )
                return mpb.ListIssuersResponse(issuers=[metadata])
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())

        return refuse


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["/as/token", "/as/introspect", "/as/revoke", "/as/authorize"]),
    body=st.one_of(st.binary(max_size=200), st.builds(lambda b: VALID + b"&" + b, st.binary(max_size=100))),
    authorization=st.none() | st.binary(max_size=40),
)
def test_any_bytes_get_an_answer_and_never_an_exception(path, body, authorization):
    async def ask() -> int:
        shim, sent, messages = Shim(InProcess(), ShimLimits()), [], [{"type": "http.request", "body": body}]
        headers = [(b"host", b"h"), (b"content-type", FORM.encode())]
        headers += [] if authorization is None else [(b"authorization", authorization)]
        scope = {"type": "http", "method": "POST", "path": path, "http_version": "1.1", "headers": headers}

        async def receive():
            return messages.pop(0)

        async def send(message):
            sent.append(message)

        await shim(scope, receive, send)
        return sent[0]["status"]

    # 503: every call and every refusal reached the service, which is away.
    assert asyncio.run(ask()) == 503
