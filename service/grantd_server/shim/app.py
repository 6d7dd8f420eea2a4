"""The HTTP shim: a bare ASGI application over one gRPC channel.

It holds no key, secret or database, and decides nothing. The channel may lead into
this process or to a service elsewhere; nothing here differs.
"""

from __future__ import annotations

import logging
import secrets
import time
from typing import TYPE_CHECKING, Any

import grpc

from grantd.v1 import authorization_pb2 as pb
from grantd.v1.authorization_pb2_grpc import AuthorizationServiceStub
from grantd.v1.metadata_pb2 import GetJwksRequest
from grantd.v1.metadata_pb2_grpc import MetadataServiceStub
from grantd_server.refusals import Public
from grantd_server.shim.answer.openapi import openapi_document
from grantd_server.shim.answer.refusal import Refusal, read_refusal, render_refusal
from grantd_server.shim.answer.response import send_response, text_response
from grantd_server.shim.endpoints import Endpoints
from grantd_server.shim.faults import Gone, WireRefused
from grantd_server.shim.issuers.directory import IssuerDirectory
from grantd_server.shim.issuers.documents import jwks_document
from grantd_server.shim.issuers.routes import Place
from grantd_server.shim.readiness import channel_ready
from grantd_server.shim.request.body import Body
from grantd_server.shim.request.head import read_head

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from grantd_server.shim.answer.response import Response
    from grantd_server.shim.issuers.routes import Route
    from grantd_server.shim.limits import ShimLimits
    from grantd_server.shim.request.head import Head

_log = logging.getLogger("grantd.shim")

_READ = ("GET", "HEAD")
_OWN_PATHS = frozenset({b"/healthz", b"/readyz", b"/openapi.yaml"})


class Shim:
    """The ASGI application. `ready` answers `/readyz`; without it the channel is asked."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        limits: ShimLimits,
        *,
        ready: Callable[[], Awaitable[bool]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._metadata = MetadataServiceStub(channel)
        self._directory = IssuerDirectory(self._metadata, limits, clock)
        self._endpoints = Endpoints(AuthorizationServiceStub(channel), limits)
        self._ready = ready or (lambda: channel_ready(channel, limits.call_seconds))

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        match scope["type"]:
            case "http":
                await self._http(scope, receive, send)
            case "websocket":
                # Closed before it is accepted: the server answers 403.
                await send({"type": "websocket.close", "code": 1000})
            case "lifespan":
                await _lifespan(receive, send)

    async def _http(self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        head = read_head(scope)
        body = Body(head, receive)
        try:
            response = await self._answer(head, body)
        except Gone:
            return
        except Exception as fault:  # noqa: BLE001 - the outermost edge: nothing unplanned leaves but an error id
            response = render_refusal(Refusal(Public.INTERNAL, error_id=_report(fault)))
        await send_response(send, response, head_only=head.method == "HEAD", close=not body.read_to_end)

    async def _answer(self, head: Head, body: Body) -> Response:
        if not head.well_formed:
            return text_response(400, "one Host header is required\n")
        if head.path in _OWN_PATHS:
            return await self._own(head)
        realm = None
        try:
            route = (await self._directory.routes()).find(head.path, head.first(b"host"))
            if route is None:
                return text_response(404, "not found\n")
            realm = route.authority if b"authorization" in head.headers else None
            return await self._serve(route, head, body)
        except grpc.aio.AioRpcError as error:
            return render_refusal(read_refusal(error), realm, self._limits.error_uri)

    async def _own(self, head: Head) -> Response:
        """What the shim answers by itself, for no issuer."""
        if head.method not in _READ:
            return _not_allowed(b"GET, HEAD")
        match head.path:
            case b"/healthz":
                return text_response(200, "alive\n")
            case b"/readyz":
                return text_response(200, "ready\n") if await self._ready() else text_response(503, "not ready\n")
            case _:
                return openapi_document(head, cors=self._limits.cors)

    async def _serve(self, route: Route, head: Head, body: Body) -> Response:
        match route.place:
            case Place.METADATA | Place.JWKS:
                if head.method not in _READ:
                    return _not_allowed(b"GET, HEAD")
                return route.document or await self._jwks(route)
            case Place.AUTHORIZATION:
                if head.method not in {"GET", "POST"}:
                    return _not_allowed(b"GET, POST")
                return await self._endpoints.refuse(route, head, WireRefused(pb.WIRE_FAULT_NO_AUTHORIZATION_GRANT))
            case _:
                if head.method != "POST":
                    return _not_allowed(b"POST")
                return await self._endpoints.post(route, head, body)

    async def _jwks(self, route: Route) -> Response:
        try:
            asked = GetJwksRequest(issuer=route.issuer)
            answer = await self._metadata.GetJwks(asked, timeout=self._limits.call_seconds)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                # The issuer was withdrawn since it was listed.
                return text_response(404, "not found\n")
            raise
        return jwks_document(answer, cors=self._limits.cors)


def _not_allowed(allow: bytes) -> Response:
    return text_response(405, "method not allowed\n", (b"allow", allow))


def _report(fault: Exception) -> str:
    """Logs where a fault arose, without its text, which may hold request bytes."""
    error_id = secrets.token_hex(8)
    frame = fault.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f"{frame.tb_frame.f_code.co_qualname}:{frame.tb_lineno}" if frame else "unknown"
    _log.error("unplanned %s in %s, error id %s", type(fault).__qualname__, where, error_id)
    return error_id


async def _lifespan(receive: Callable[[], Awaitable[Any]], send: Any) -> None:
    """The channel lives longer than the application: there is nothing to start."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
