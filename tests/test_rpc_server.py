"""The server as its peers see it: listeners, health, reflection, drain."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

from grantd.v1 import authorization_pb2 as pb
from grantd_server.model.caller import Role
from grantd_server.rpc.server import Listener, ListenerUnusable, is_local
from grantd_server.rpc.server.aio import Peers, add_raw_unary
from rpc_toy import AUTHORIZATION, METADATA, REDEEM, REQUEST, Toy, channel, see

if TYPE_CHECKING:
    from pathlib import Path

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
CHECK = "/grpc.health.v1.Health/Check"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1:0", True),
        ("127.8.8.8:50051", True),
        ("[::1]:0", True),
        ("unix:/run/grantd.sock", True),
        ("0.0.0.0:50051", False),
        ("[::]:50051", False),
        ("10.0.0.1:50051", False),
        ("localhost:50051", False),
        ("127.0.0.1.example:50051", False),
        (":50051", False),
        ("", False),
    ],
)
def test_plaintext_is_only_for_addresses_of_this_machine(address: str, local: bool) -> None:
    assert is_local(address) is local
    if local:
        Listener(address)
    else:
        with pytest.raises(ListenerUnusable, match="needs TLS"):
            Listener(address)


@pytest.mark.parametrize("kind", ["loopback", "unix"])
async def test_plaintext_peers_have_the_development_role_or_none(tmp_path: Path, kind: str) -> None:
    for role, code in ((Role.SERVICE, grpc.StatusCode.OK), (None, grpc.StatusCode.UNAUTHENTICATED)):
        address = "127.0.0.1:0" if kind == "loopback" else f"unix:{tmp_path}/{role}.sock"
        toy = Toy()
        async with toy.served(tmp_path, peers=Peers({}, role), listeners=[Listener(address)]) as server:
            target = f"127.0.0.1:{server.ports[0]}" if kind == "loopback" else address
            async with grpc.aio.insecure_channel(target) as network:
                seen = await see(network.unary_unary(REDEEM)(REQUEST, timeout=5))
        assert seen.code is code
        record, _ = toy.show.finished[0]
        assert record.get("address", "") == ("127.0.0.1" if kind == "loopback" else "")


async def test_an_ipv6_peer_is_recorded_by_its_address(tmp_path: Path) -> None:
    toy = Toy()
    peers = Peers({}, Role.SERVICE)
    async with (
        toy.served(tmp_path, peers=peers, listeners=[Listener("[::1]:0")]) as server,
        grpc.aio.insecure_channel(f"[::1]:{server.ports[0]}") as network,
    ):
        assert (await see(network.unary_unary(REDEEM)(REQUEST, timeout=5))).code is grpc.StatusCode.OK
    assert toy.show.finished[0][0]["address"] == "::1"


async def test_an_address_that_is_taken_stops_the_start(tmp_path: Path) -> None:
    async with Toy().served(tmp_path) as server:
        again = Toy().served(tmp_path, listeners=[Listener(f"127.0.0.1:{server.ports[0]}")])
        with pytest.raises(ListenerUnusable, match="cannot listen"):
            await again.__aenter__()


@pytest.mark.hostile("G18")
async def test_health_says_not_serving_until_told_and_again_before_the_drain(tmp_path: Path) -> None:
    services = ["", AUTHORIZATION.full_name, METADATA.full_name]
    async with Toy().served(tmp_path) as server, channel(server, Role.OBSERVER) as network:
        stub = HealthStub(network)

        async def statuses() -> set[int]:
            return {(await stub.Check(health_pb2.HealthCheckRequest(service=name))).status for name in services}

        assert await statuses() == {NOT_SERVING}
        server.health.set_serving(True)
        assert await statuses() == {SERVING}
        server.health.drain()
        server.health.set_serving(True)
        assert await statuses() == {NOT_SERVING}


@pytest.mark.hostile("G18")
async def test_a_watch_sees_the_drain_and_does_not_hold_it_up(tmp_path: Path) -> None:
    async with Toy().served(tmp_path) as server, channel(server, Role.SERVICE) as network:
        server.health.set_serving(True)
        watch = HealthStub(network).Watch(health_pb2.HealthCheckRequest(service=AUTHORIZATION.full_name))
        assert (await watch.read()).status == SERVING
        server.health.set_serving(True)
        drain = asyncio.ensure_future(server.drain(notice=0, grace=60))
        assert (await watch.read()).status == NOT_SERVING
        assert await watch.read() is grpc.aio.EOF
        await asyncio.wait_for(drain, 5)


async def test_health_of_an_unknown_service_is_not_found_and_watched_as_unknown(tmp_path: Path) -> None:
    async with Toy().served(tmp_path) as server, channel(server, Role.SERVICE) as network:
        request = health_pb2.HealthCheckRequest(service="grantd.v1.Undreamt")
        assert (await see(HealthStub(network).Check(request))).code is grpc.StatusCode.NOT_FOUND
        watch = HealthStub(network).Watch(request)
        assert (await watch.read()).status == UNKNOWN
        watch.cancel()


@pytest.mark.hostile("G18")
@pytest.mark.parametrize("method", ["Check", "Watch"])
async def test_health_is_not_for_strangers(tmp_path: Path, method: str) -> None:
    async with Toy().served(tmp_path) as server, channel(server, Role.UNKNOWN) as network:
        call = getattr(HealthStub(network), method)(health_pb2.HealthCheckRequest())
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await (call if method == "Check" else call.read())
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    status = status_pb2.Status.FromString(dict(raised.value.trailing_metadata())["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.reason == "CALLER_UNKNOWN"


@pytest.mark.hostile("G16")
async def test_a_malformed_health_request_is_invalid(tmp_path: Path) -> None:
    async with Toy().served(tmp_path) as server, channel(server) as network:
        assert (await see(network.unary_unary(CHECK)(b"\x0a\x01\xff"))).code is grpc.StatusCode.INVALID_ARGUMENT


async def listed(network: grpc.aio.Channel) -> list[str]:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    call = ServerReflectionStub(network).ServerReflectionInfo(iter([request]), timeout=5)
    answer = await call.read()
    call.cancel()
    return sorted(service.name for service in answer.list_services_response.service)


@pytest.mark.hostile("G17")
@pytest.mark.parametrize(
    "path", [REFLECTION, REFLECTION.replace("v1alpha", "v1"), "/grpc.channelz.v1.Channelz/GetServers"]
)
async def test_reflection_and_channelz_are_off(tmp_path: Path, path: str) -> None:
    async with Toy().served(tmp_path) as server, channel(server, Role.ADMIN) as network:
        call = network.stream_stream(path)(iter([b""]), timeout=5)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call.read()
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.hostile("G17")
async def test_reflection_when_switched_on_is_for_known_callers(tmp_path: Path) -> None:
    async with Toy().served(tmp_path, reflection=True) as server:
        async with channel(server, Role.OBSERVER) as network:
            assert {AUTHORIZATION.full_name, METADATA.full_name, "grpc.health.v1.Health"} <= set(await listed(network))
        async with channel(server, Role.UNKNOWN) as network:
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await listed(network)
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_drain_lets_the_call_under_way_finish_and_takes_no_new_one(tmp_path: Path) -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    async def redeem(message: Any, call: Any) -> Any:
        entered.set()
        await go.wait()
        return pb.RedeemGrantResponse(access_token="issued")

    async with Toy(redeem).served(tmp_path) as server, channel(server) as network:
        under_way = asyncio.ensure_future(see(network.unary_unary(REDEEM)(REQUEST, timeout=5)))
        await entered.wait()
        drain = asyncio.ensure_future(server.drain(notice=0, grace=30))
        ended = asyncio.ensure_future(server.serve())
        for _ in range(3):
            await asyncio.sleep(0)  # lets the drain get as far as closing the listeners
        async with channel(server) as late:
            refused = await see(late.unary_unary(REDEEM)(REQUEST, timeout=5))
        go.set()
        assert (await under_way).code is grpc.StatusCode.OK
        await asyncio.wait_for(drain, 5)
        await asyncio.wait_for(ended, 5)
    assert refused.code is grpc.StatusCode.UNAVAILABLE


async def test_a_raw_method_runs_outside_the_chain(tmp_path: Path) -> None:
    async def echo(raw: bytes, context: Any) -> bytes:
        return raw[:971]

    toy = Toy()
    peers = Peers({}, Role.SERVICE)
    async with toy.served(tmp_path, peers=peers, listeners=[Listener("127.0.0.1:0")]) as server:
        add_raw_unary(server.grpc, "/bench.Noop/Call", echo)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.ports[0]}") as network:
            assert await network.unary_unary("/bench.Noop/Call")(bytes(1002), timeout=5) == bytes(971)
    assert toy.show.finished == []
