"""Hostile peers against the real server: what they send is bounded, and honest calls go on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import pytest

from grantd.v1 import authorization_pb2 as pb
from grantd_server.model.caller import Role
from grantd_server.rpc.limits import MESSAGE_BYTES, Limits
from grantd_server.rpc.server import Listener
from grantd_server.rpc.server.aio import Peers
from rpc_toy import REDEEM, REQUEST, Toy, channel, see

if TYPE_CHECKING:
    from pathlib import Path

    from grantd_server.rpc.server import RpcServer

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS, PING, GOAWAY = 4, 6, 7
ENHANCE_YOUR_CALM = 11


def frame(kind: int, payload: bytes = b"", stream: int = 0, flags: int = 0) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def plaintext() -> dict[str, object]:
    return {"peers": Peers({}, Role.SERVICE), "listeners": [Listener("127.0.0.1:0")]}


async def honest(server: RpcServer) -> grpc.StatusCode:
    options = (("grpc.use_local_subchannel_pool", 1),)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.ports[0]}", options=options) as network:
        return (await see(network.unary_unary(REDEEM)(REQUEST, timeout=5))).code


@pytest.mark.hostile("G01")
@pytest.mark.parametrize(
    ("size", "code"), [(MESSAGE_BYTES, grpc.StatusCode.OK), (MESSAGE_BYTES + 1, grpc.StatusCode.RESOURCE_EXHAUSTED)]
)
@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_a_message_has_the_limit_and_not_a_byte_more(
    tmp_path: Path, size: int, code: grpc.StatusCode, compression: grpc.Compression
) -> None:
    raw = pb.RedeemGrantRequest(assertion="x" * (size - 4)).SerializeToString()
    assert len(raw) == size
    async with Toy().served(tmp_path) as server, channel(server) as network:
        seen = await see(network.unary_unary(REDEEM)(raw, timeout=5, compression=compression))
        assert seen.code is code
        assert (await see(network.unary_unary(REDEEM)(REQUEST, timeout=5))).code is grpc.StatusCode.OK


@pytest.mark.hostile("G03")
@pytest.mark.parametrize(
    "path",
    [
        REDEEM[1:],
        "/" + REDEEM,
        REDEEM + "/",
        REDEEM.lower(),
        REDEEM.upper(),
        REDEEM.replace("/RedeemGrant", "%2FRedeemGrant"),
        REDEEM + "?x",
        REDEEM + "%00",
        REDEEM.replace("v1", "v2"),
        "/grantd.v1.AuthorizationService/",
        "/grantd.v1.AuthorizationService",
        "//RedeemGrant",
        "/",
        "*",
    ],
)
async def test_a_path_that_is_not_exact_reaches_nothing(tmp_path: Path, path: str) -> None:
    toy = Toy()
    async with toy.served(tmp_path) as server, channel(server) as network:
        seen = await see(network.unary_unary(path)(REQUEST, timeout=5))
    assert seen.code is grpc.StatusCode.UNIMPLEMENTED
    assert toy.show.finished == []


async def test_metadata_beyond_the_hard_bound_is_refused(tmp_path: Path) -> None:
    async with Toy().served(tmp_path) as server, channel(server) as network:
        much = (("x-much", "y" * 17 * 1024),)
        seen = await see(network.unary_unary(REDEEM)(REQUEST, timeout=5, metadata=much))
        assert seen.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await see(network.unary_unary(REDEEM)(REQUEST, timeout=5))).code is grpc.StatusCode.OK


@pytest.mark.hostile("G12")
async def test_a_flood_of_pings_ends_the_connection(tmp_path: Path) -> None:
    async with Toy().served(tmp_path, **plaintext()) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
        writer.write(PREFACE + frame(SETTINGS) + frame(PING, bytes(8)) * 50)
        received = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert await honest(server) is grpc.StatusCode.OK
    goaway = received.index(bytes((GOAWAY, 0, 0, 0, 0, 0)))
    assert received[goaway + 10 : goaway + 14] == ENHANCE_YOUR_CALM.to_bytes(4, "big")
    assert b"too_many_pings" in received


@pytest.mark.hostile("G14")
async def test_idle_connections_are_capped(tmp_path: Path) -> None:
    cap = 5
    async with Toy().served(tmp_path, Limits(connections=cap), **plaintext()) as server:
        opened = [await asyncio.open_connection("127.0.0.1", server.ports[0]) for _ in range(3 * cap)]
        # The server speaks first (SETTINGS) to whom it takes; the others are closed.
        first = await asyncio.gather(*(asyncio.wait_for(greeted(reader), 5) for reader, _ in opened))
        for _, writer in opened:
            writer.close()
    assert sum(first) <= cap


async def greeted(reader: asyncio.StreamReader) -> bool:
    try:
        return bool(await reader.read(9))
    except ConnectionResetError:
        return False


@pytest.mark.hostile("G15")
@pytest.mark.parametrize("kind", ["TLS without a hello", "plaintext without a preface"])
async def test_a_connection_that_says_nothing_is_closed(tmp_path: Path, kind: str) -> None:
    options = {} if kind.startswith("TLS") else plaintext()
    async with Toy().served(tmp_path, Limits(handshake=0.3), **options) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
        await asyncio.wait_for(reader.read(), 3)
        writer.close()


async def test_a_stalled_call_without_a_deadline_ends_with_its_connection(tmp_path: Path) -> None:
    limits = Limits(connection_age=0.3, connection_grace=0.2)
    async with Toy().served(tmp_path, limits, **plaintext()) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
        # HEADERS with the path as a literal, and never a body.
        literal = b"\x83\x86\x04" + bytes((len(REDEEM),)) + REDEEM.encode() + b"\x0f\x10\x10application/grpc"
        writer.write(PREFACE + frame(SETTINGS) + frame(1, literal, stream=1, flags=4))
        received = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert await honest(server) is grpc.StatusCode.OK
    assert bytes((GOAWAY, 0, 0, 0, 0, 0)) in received


async def test_calls_beyond_the_total_are_refused_and_the_rest_is_answered(tmp_path: Path) -> None:
    go = asyncio.Event()

    async def redeem(message: object, call: object) -> pb.RedeemGrantResponse:
        await go.wait()
        return pb.RedeemGrantResponse()

    async with Toy(redeem).served(tmp_path, Limits(calls=3)) as server, channel(server) as network:
        calls = [asyncio.ensure_future(see(network.unary_unary(REDEEM)(REQUEST, timeout=5))) for _ in range(8)]
        refused, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        go.set()
        codes = [(await call).code for call in calls]
    assert {(await call).code for call in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert codes.count(grpc.StatusCode.OK) >= 3


def test_the_options_are_the_hardened_ones() -> None:
    assert dict(Limits().options()) == {
        "grpc.max_receive_message_length": 131072,
        "grpc.max_send_message_length": 131072,
        "grpc.max_metadata_size": 8192,
        "grpc.absolute_max_metadata_size": 16384,
        "grpc.max_concurrent_streams": 64,
        "grpc.max_allowed_incoming_connections": 512,
        "grpc.max_connection_age_ms": 60000,
        "grpc.max_connection_age_grace_ms": 5000,
        "grpc.server_handshake_timeout_ms": 5000,
        "grpc.http2.min_recv_ping_interval_without_data_ms": 10000,
        "grpc.http2.max_ping_strikes": 2,
        "grpc.so_reuseport": 0,
    }
