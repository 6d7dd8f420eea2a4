"""grpc.health.v1 per service, for every caller with a known identity.

It stands outside the chain: a probe decides nothing and is no business of the audit.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2

from grantd_server.refusals import Public
from grantd_server.rpc.chain.status import Ended
from grantd_server.rpc.server.aio import known_caller, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grantd_server.rpc.chain.edge import Arrival
    from grantd_server.rpc.chain.status import Trailers
    from grantd_server.rpc.server.aio import Context, Peers

SERVICE = "grpc.health.v1.Health"
CHECK = f"/{SERVICE}/Check"

_UNKNOWN = "unknown service"

_Status = health_pb2.HealthCheckResponse


class Health:
    """What this process says of itself: NOT_SERVING until it is told otherwise."""

    def __init__(self, services: Iterable[str], peers: Peers) -> None:
        self._services = frozenset({"", *services})
        self._peers = peers
        self._serving = False
        self._draining = False
        self._closed = False
        self._changed = asyncio.Event()

    def set_serving(self, serving: bool) -> None:
        """Says of every service whether it can answer; without effect while draining."""
        self._serving = serving and not self._draining
        self._tell()

    def drain(self) -> None:
        """Says NOT_SERVING from now on, whatever is set later."""
        self._draining = True
        self.set_serving(False)

    def close(self) -> None:
        """Ends the watches, which would hold up the end of the server."""
        self._closed = True
        self._tell()

    def add_to(self, server: grpc.aio.Server) -> None:
        """Serves Check and Watch."""
        handlers: dict[str, Any] = {
            "Check": grpc.unary_unary_rpc_method_handler(self._check),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))

    async def in_process(self, arrival: Arrival) -> tuple[bytes, Trailers]:
        """Check for a channel of this process: put it under `CHECK` among its endpoints."""
        try:
            service = health_pb2.HealthCheckRequest.FromString(arrival.raw).service
        except DecodeError:
            public = Public.MESSAGE_MALFORMED
            raise Ended(grpc.StatusCode[public.status], public.sentence, ()) from None
        if service not in self._services:
            raise Ended(grpc.StatusCode.NOT_FOUND, _UNKNOWN, ())
        return self._answer(service), ()

    async def _check(self, raw: bytes, context: Context) -> bytes:
        service = await self._asked(raw, context)
        if service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, _UNKNOWN)
        return self._answer(service)

    async def _watch(self, raw: bytes, context: Context) -> None:
        service = await self._asked(raw, context)
        told = b""
        while True:
            # Read before the answer is made: the last word is told, too.
            changed, closed = self._changed, self._closed
            answer = self._answer(service)
            if answer != told:
                await context.write(answer)
            if closed:
                return
            told = answer
            await changed.wait()

    async def _asked(self, raw: bytes, context: Context) -> str:
        await known_caller(context, self._peers)
        try:
            return health_pb2.HealthCheckRequest.FromString(raw).service
        except DecodeError:
            await refuse(context, Public.MESSAGE_MALFORMED)

    def _answer(self, service: str) -> bytes:
        if service not in self._services:
            # A watch of an unknown service goes on: it may become known (the protocol's rule).
            return _Status(status=_Status.SERVICE_UNKNOWN).SerializeToString()
        return _Status(status=_Status.SERVING if self._serving else _Status.NOT_SERVING).SerializeToString()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
