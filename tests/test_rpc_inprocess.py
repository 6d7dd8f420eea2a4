"""The in-process channel behaves as a channel: calls, cancellation, what it does not serve."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from grantd.v1 import authorization_pb2 as pb
from grantd.v1.authorization_pb2_grpc import AuthorizationServiceStub
from grantd_server.refusals import Reason, Refused
from grantd_server.rpc.inprocess import InProcessChannel
from grantd_server.rpc.server.health import CHECK
from rpc_toy import REDEEM, Toy, channel, see

if TYPE_CHECKING:
    from pathlib import Path


async def test_details_may_be_read_before_and_after_the_answer() -> None:
    stub = AuthorizationServiceStub(InProcessChannel(Toy().endpoints))
    call = stub.RedeemGrant(pb.RedeemGrantRequest(), timeout=2)
    trailers = dict(await call.trailing_metadata())
    assert await call == pb.RedeemGrantResponse()
    assert dict(await call.trailing_metadata()) == trailers
    assert await call.code() is grpc.StatusCode.OK
    assert await call.details() == ""
    assert await call.initial_metadata() == grpc.aio.Metadata()
    assert call.done()


async def test_a_call_awaited_twice_runs_once() -> None:
    ran = []

    async def redeem(message: Any, call: Any) -> Any:
        ran.append(call)
        raise Refused(Reason.ASSERTION_EXPIRED)

    call = AuthorizationServiceStub(InProcessChannel(Toy(redeem).endpoints)).RedeemGrant(pb.RedeemGrantRequest())
    first, second = await see(call), await see(call)
    assert first == second
    assert first.info.reason == "ASSERTION_INVALID"
    assert len(ran) == 1


async def test_a_call_awaited_by_two_tasks_at_once_runs_once() -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    async def redeem(message: Any, call: Any) -> Any:
        entered.set()
        await go.wait()
        return pb.RedeemGrantResponse()

    call = AuthorizationServiceStub(InProcessChannel(Toy(redeem).endpoints)).RedeemGrant(pb.RedeemGrantRequest())
    first = asyncio.ensure_future(see(call))
    await entered.wait()
    with pytest.raises(grpc.aio.UsageError):
        await call
    go.set()
    assert (await first).code is grpc.StatusCode.OK


async def test_cancelling_a_call_cancels_its_handler() -> None:
    entered = asyncio.Event()

    async def redeem(message: Any, call: Any) -> Any:
        entered.set()
        await asyncio.Event().wait()

    toy = Toy(redeem)
    call = AuthorizationServiceStub(InProcessChannel(toy.endpoints)).RedeemGrant(pb.RedeemGrantRequest())
    told: list[Any] = []
    call.add_done_callback(told.append)
    task = asyncio.ensure_future(call)
    await entered.wait()
    assert call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert call.cancelled()
    assert told == [call]
    assert not call.cancel()
    assert await call.code() is grpc.StatusCode.CANCELLED
    assert toy.ledger.records[0]["reason"] == "CANCELLED"


async def test_a_call_cancelled_before_it_started_never_runs() -> None:
    toy = Toy()
    call = AuthorizationServiceStub(InProcessChannel(toy.endpoints)).RedeemGrant(pb.RedeemGrantRequest())
    assert call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert toy.show.finished == []


async def test_a_call_tells_how_long_it_has() -> None:
    stub = AuthorizationServiceStub(InProcessChannel(Toy().endpoints))
    assert 1 < stub.RedeemGrant(pb.RedeemGrantRequest(), timeout=2).time_remaining() <= 2
    assert stub.RedeemGrant(pb.RedeemGrantRequest()).time_remaining() is None


@pytest.mark.parametrize("kind", ["unary_unary", "unary_stream", "stream_unary", "stream_stream"])
async def test_what_is_not_served_in_process_is_unimplemented(kind: str) -> None:
    async with InProcessChannel(Toy().endpoints) as inside:
        path = "/grantd.v1.Other/Method" if kind == "unary_unary" else REDEEM
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            getattr(inside, kind)(path, None, None)(b"")
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_binary_metadata_never_reaches_a_handler(tmp_path: Path) -> None:
    seen = []

    async def redeem(message: Any, call: Any) -> Any:
        seen.append({name: value for name, value in call.metadata.items() if name != "user-agent"})
        return pb.RedeemGrantResponse()

    toy = Toy(redeem)
    async with toy.served(tmp_path) as server, channel(server) as network:
        for each in (network, InProcessChannel(toy.endpoints)):
            stub = AuthorizationServiceStub(each)
            await stub.RedeemGrant(pb.RedeemGrantRequest(), metadata=(("traceparent", "00-a"), ("x-bin", b"\x00")))
    assert seen == [{"traceparent": "00-a"}] * 2


async def test_health_may_be_asked_in_process(tmp_path: Path) -> None:
    toy = Toy()
    async with toy.served(tmp_path) as server:
        stub = HealthStub(InProcessChannel({**toy.endpoints, CHECK: server.health.in_process}))
        request = HealthCheckRequest(service="grantd.v1.AuthorizationService")
        assert (await stub.Check(request)).status == HealthCheckResponse.NOT_SERVING
        server.health.set_serving(True)
        assert (await stub.Check(request)).status == HealthCheckResponse.SERVING
        assert (await see(stub.Check(HealthCheckRequest(service="x")))).code is grpc.StatusCode.NOT_FOUND
        raw = InProcessChannel({CHECK: server.health.in_process}).unary_unary(CHECK)
        assert (await see(raw(b"\x0a\x01\xff"))).code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_channel_in_process_is_always_ready() -> None:
    inside = InProcessChannel({})
    await inside.channel_ready()
    await inside.wait_for_state_change(inside.get_state(try_to_connect=True))
    assert inside.get_state() is grpc.ChannelConnectivity.READY
