"""The chain over grpc.aio: bytes in, so that even a parse fault runs through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import grpc

from grantd_server.refusals import Public, Refused
from grantd_server.rpc.chain.callers import identify
from grantd_server.rpc.chain.edge import Arrival
from grantd_server.rpc.chain.status import DETAILS, Ended, encode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

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
        add_raw_unary(server, name, _handler(endpoint, peers))


def add_raw_unary(server: grpc.aio.Server, path: str, behaviour: Callable[[bytes, Context], Awaitable[bytes]]) -> None:
    """Serves `/package.Service/Method` by a bare function of bytes, outside any chain."""
    service, _, method = path.removeprefix("/").partition("/")
    handler: Any = grpc.unary_unary_rpc_method_handler(behaviour)
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


def _arrival(raw: bytes, context: Context, peers: Peers) -> Arrival:
    metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    return Arrival(raw, lambda: peers.caller(context), context.time_remaining(), metadata, _host(context.peer()))


def _host(peer: str) -> str:
    """The address in `ipv4:10.0.0.7:4711` or `ipv6:%5B::1%5D:4711`; empty for others."""
    scheme, _, rest = peer.partition(":")
    if scheme not in {"ipv4", "ipv6"}:
        return ""
    return rest.rpartition(":")[0].replace("%5B", "").replace("%5D", "").strip("[]")
