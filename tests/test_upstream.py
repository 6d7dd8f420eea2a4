"""From a shim that runs apart to its service: how many connections, and what is made again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from grantd_server.shim import upstream
from grantd_server.shim.upstream import ENOUGH, MOST, Upstream
from http2_ import CUT_OFF, refusing
from patience_ import LONG
from worker_programs import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

METHOD = "/toy.Toy/Ask"


def channel(port: int) -> grpc.aio.Channel:
    options = [("grpc.use_local_subchannel_pool", 1)]
    return grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options)


async def test_a_call_that_the_service_never_looked_at_is_made_again_on_its_own() -> None:
    async with refusing(1) as service, Upstream(lambda: channel(service.port)) as way:
        call = way.unary_unary(METHOD)(b"x", timeout=LONG)
        assert await call == b"answer"
        assert ("x-test", "answered") in list(await call.trailing_metadata())
        assert service.streams == 2


async def test_it_is_made_again_once_and_no_more() -> None:
    async with refusing(2) as service, Upstream(lambda: channel(service.port)) as way:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await way.unary_unary(METHOD)(b"x", timeout=LONG)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert service.streams == 2


@pytest.mark.parametrize("code", [2, 8, 11, CUT_OFF], ids=["internal error", "cancel", "enhance your calm", "cut off"])
async def test_what_may_have_been_done_is_not_done_again(code: int) -> None:
    async with refusing(1, code) as service, Upstream(lambda: channel(service.port)) as way:
        with pytest.raises(grpc.aio.AioRpcError):
            await way.unary_unary(METHOD)(b"x", timeout=LONG)
        assert service.streams == 1


async def test_without_time_for_a_second_try_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "LEAST_TIME", 2 * LONG)
    async with refusing(1) as service, Upstream(lambda: channel(service.port)) as way:
        with pytest.raises(grpc.aio.AioRpcError):
            await way.unary_unary(METHOD)(b"x", timeout=LONG)
        assert service.streams == 1


class Toy(grpc.GenericRpcHandler):
    """Answers when it is told to, or refuses in a way that looks like the transport's."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.peers: set[str] = set()
        self.calls = 0

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return grpc.unary_unary_rpc_method_handler(self.ask)  # type: ignore[arg-type] # of grpc.aio

    async def ask(self, request: bytes, context: Any) -> bytes:
        self.calls += 1
        self.peers.add(context.peer())
        if request == b"refuse":
            context.set_trailing_metadata((("x-grantd-decision-id", "d1"),))
            await context.abort(grpc.StatusCode.UNAVAILABLE, "RST_STREAM with error code 7")
        await self.go.wait()
        return request


@asynccontextmanager
async def toy() -> AsyncIterator[tuple[Toy, int]]:
    server, handler = grpc.aio.server(options=[("grpc.max_concurrent_streams", 64)]), Toy()
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield handler, port
    finally:
        await server.stop(None)


async def test_a_refusal_of_the_service_is_final_whatever_it_says() -> None:
    async with toy() as (service, port), Upstream(lambda: channel(port)) as way:
        with pytest.raises(grpc.aio.AioRpcError):
            await way.unary_unary(METHOD)(b"refuse", timeout=LONG)
        assert service.calls == 1


@pytest.mark.parametrize(("calls", "connections"), [(1, 1), (ENOUGH, 1), (ENOUGH + 1, 2), (5 * ENOUGH, 5)])
async def test_there_are_as_many_connections_as_calls_need(calls: int, connections: int) -> None:
    async with toy() as (service, port), Upstream(lambda: channel(port)) as way:
        ask = way.unary_unary(METHOD)
        asked = [asyncio.ensure_future(ask(b"%d" % number, timeout=LONG)) for number in range(calls)]
        await until(lambda: service.calls == calls)
        assert len(service.peers) == connections
        service.go.set()
        assert await asyncio.gather(*asked) == [b"%d" % number for number in range(calls)]
        assert [connection.calls for connection in way._connections] == [0] * connections


async def test_there_are_not_more_than_may_be_and_the_rest_is_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "ENOUGH", 1)
    async with toy() as (service, port), Upstream(lambda: channel(port)) as way:
        ask = way.unary_unary(METHOD)
        asked = [asyncio.ensure_future(ask(b"x", timeout=LONG)) for _ in range(3 * MOST)]
        await until(lambda: service.calls == 3 * MOST)
        assert {connection.calls for connection in way._connections} == {3}
        assert len(service.peers) == MOST
        service.go.set()
        await asyncio.gather(*asked)


async def test_a_caller_that_leaves_gives_its_place_back() -> None:
    async with toy() as (service, port), Upstream(lambda: channel(port)) as way:
        asked = asyncio.ensure_future(way.unary_unary(METHOD)(b"x", timeout=LONG))
        await until(lambda: service.calls)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert way._connections[0].calls == 0


async def test_it_is_ready_when_its_first_connection_is() -> None:
    async with toy() as (_, port), Upstream(lambda: channel(port)) as way:
        await way.channel_ready()
        assert way.get_state() is grpc.ChannelConnectivity.READY
