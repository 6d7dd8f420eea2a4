"""The chain over grpc.aio: bytes in, so that even a parse fault runs through it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from grpc.aio import EOF  # type: ignore[attr-defined]  # not in its stubs

from grantd_server.refusals import Public, Refused
from grantd_server.rpc.chain.callers import identify
from grantd_server.rpc.chain.edge import Arrival, StreamArrival
from grantd_server.rpc.chain.status import DETAILS, Ended, encode
from grantd_server.rpc.limits import DISCARD_TIME, DISCARDED

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from grantd_server.model.caller import Caller, Role
    from grantd_server.rpc.chain import Endpoint

    Context = grpc.aio.ServicerContext[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Peers:
    """Who may connect: identities with their one role."""

    bindings: Mapping[str, Role]
    plaintext_role: Role | None = None
    """The role of peers without TLS; None, the default, refuses them."""

    def caller(self, context: Context) -> Caller:
        """The caller behind a connection; refuses one without a known identity."""
        return identify(context.auth_context(), self.bindings, self.plaintext_role)


def add_endpoints(server: grpc.aio.Server, endpoints: Mapping[str, Endpoint], peers: Peers) -> None:
    """Serves endpoints, by full method name."""
    for name, endpoint in endpoints.items():
        if endpoint.method.streams:
            _add(server, name, _stream_handler(endpoint, peers))
        else:
            add_raw_unary(server, name, _handler(endpoint, peers))


def add_raw_unary(server: grpc.aio.Server, path: str, behaviour: Callable[[bytes, Context], Awaitable[bytes]]) -> None:
    """Serves `/package.Service/Method` by a bare function of bytes, outside any chain."""
    _add(server, path, grpc.unary_unary_rpc_method_handler(behaviour))


def _add(server: grpc.aio.Server, path: str, handler: Any) -> None:
    service, _, method = path.removeprefix("/").partition("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))


async def known_caller(context: Context, peers: Peers) -> Caller:
    """The caller of a method outside the chain; one without a known identity is refused."""
    try:
        return peers.caller(context)
    except Refused as refusal:
        await refuse(context, refusal.reason.public)


async def refuse(context: Context, public: Public) -> NoReturn:
    """Ends a call outside the chain, which has no record."""
    await context.abort(grpc.StatusCode[public.status], public.sentence, ((DETAILS, encode(public, {})),))


def _handler(endpoint: Endpoint, peers: Peers) -> Callable[[bytes, Context], Awaitable[bytes]]:
    async def handle(raw: bytes, context: Context) -> bytes:
        try:
            answer, trailers = await endpoint(_arrival(raw, context, peers))
        except Ended as end:
            await context.abort(end.code, end.details, end.trailers)
        context.set_trailing_metadata(trailers)
        return answer

    return handle


def _stream_handler(endpoint: Endpoint, peers: Peers) -> Any:
    """By the reader and writer interface: the chain is one awaitable, whatever goes over it."""
    method = endpoint.method

    async def ended(arrival: StreamArrival, context: Context) -> bytes:
        try:
            answer, trailers = await endpoint(arrival)
        except Ended as end:
            if method.takes_stream:
                await _discard(context)
            await context.abort(end.code, end.details, end.trailers)
        context.set_trailing_metadata(trailers)
        return answer

    async def takes(_unread: object, context: Context) -> bytes:
        return await ended(StreamArrival.of(_arrival(b"", context, peers), _pieces(context)), context)

    async def gives(raw: bytes, context: Context) -> None:
        await ended(StreamArrival.of(_arrival(raw, context, peers), send=context.write), context)

    async def both(_unread: object, context: Context) -> None:
        await ended(StreamArrival.of(_arrival(b"", context, peers), _pieces(context), context.write), context)

    if not method.gives_stream:
        return grpc.stream_unary_rpc_method_handler(takes)
    if not method.takes_stream:
        return grpc.unary_stream_rpc_method_handler(gives)
    return grpc.stream_stream_rpc_method_handler(both)


async def _pieces(context: Context) -> AsyncIterator[bytes]:
    # Not the iterator that grpc hands in: refused unread, it would warn that nobody awaited it.
    while (raw := await context.read()) is not EOF:
        yield raw


async def _discard(context: Context) -> None:
    """Reads what a client still sends: one that is cut off while it writes is told of an
    internal error by its own library, and never why it was refused."""
    with contextlib.suppress(TimeoutError, asyncio.InvalidStateError, grpc.aio.UsageError):
        async with asyncio.timeout(DISCARD_TIME):
            for _ in range(DISCARDED):
                if await context.read() is EOF:
                    return


def _arrival(raw: bytes, context: Context, peers: Peers) -> Arrival:
    metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    return Arrival(raw, lambda: peers.caller(context), context.time_remaining(), metadata, _host(context.peer()))


def _host(peer: str) -> str:
    """The address in `ipv4:10.0.0.7:4711` or `ipv6:%5B::1%5D:4711`; empty for others."""
    scheme, _, rest = peer.partition(":")
    if scheme not in {"ipv4", "ipv6"}:
        return ""
    return rest.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]")
