"""The shim under its real server, asked by raw sockets."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from typing import TYPE_CHECKING

import pytest

from grantd.v1 import authorization_pb2 as pb
from grantd_server.shim import ShimLimits
from grantd_server.shim.server import HttpServer, server_config
from shim_fakes import FORM, REDEEM, Front, fronted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BODY = f"grant_type={REDEEM}&assertion=x".encode()
SHORT = ShimLimits(body_seconds=0.4, head_seconds=0.4, head_bytes=4096)


@contextlib.asynccontextmanager
async def served(limits: ShimLimits | None = None) -> AsyncIterator[tuple[Front, int]]:
    limits = limits or ShimLimits()
    async with fronted(limits) as front:
        listener = socket.create_server(("127.0.0.1", 0))
        config = server_config(front.shim, limits)
        config.load()
        server = HttpServer(config)
        server.lifespan = config.lifespan_class(config)
        # As `serve` does, without its tick of 100 ms.
        await server.startup(sockets=[listener])
        try:
            yield front, listener.getsockname()[1]
        finally:
            await server.shutdown(sockets=[listener])


async def exchange(port: int, *parts: bytes, pause: float = 0) -> bytes:
    """Sends the parts and reads, at the same time, until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    reading = asyncio.create_task(_read(reader))
    with contextlib.suppress(ConnectionError):
        for part in parts:
            if reading.done():
                break
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
    answer = await asyncio.wait_for(reading, 5)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return answer


async def _read(reader: asyncio.StreamReader) -> bytes:
    answer = b""
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(65536):
            answer += chunk
    return answer


def post(path: str = "/as/token", body: bytes = BODY, *headers: str, close: bool = True) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: h", f"Content-Type: {FORM}", *headers]
    if not any(header.lower().startswith(("content-length", "transfer-encoding")) for header in headers):
        lines.append(f"Content-Length: {len(body)}")
    if close:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode() + body


def head_of(answer: bytes) -> tuple[bytes, bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0], body


@pytest.mark.hostile("H09")
async def test_a_request_is_answered():
    async with served() as (front, port):
        answer = await exchange(port, post())
        assert front.only("RedeemGrant").observed.client_address == "127.0.0.1"
    status, body = head_of(answer)
    assert status == b"HTTP/1.1 200 OK"
    assert b'"access_token":"at.at.x"' in body
    assert b"cache-control: no-store" in answer


CHUNKED = b"0\r\n\r\n"
NEXT = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.hostile("H06")
@pytest.mark.parametrize(
    "raw",
    [
        post("/as/token", CHUNKED + NEXT, "Content-Length: 5", "Transfer-Encoding: chunked"),
        post("/as/token", CHUNKED + NEXT, "Transfer-Encoding: chunked", "Content-Length: 5"),
        post("/as/token", BODY, f"Content-Length: {len(BODY)}", "Content-Length: 1"),
        post("/as/token", BODY, f"Content-Length: {len(BODY)}", f"Content-Length: {len(BODY)}"),
        post("/as/token", BODY, f"Content-Length: {len(BODY)}, {len(BODY)}"),
        post("/as/token", BODY, "Content-Length: +1"),
        post("/as/token", CHUNKED, "Transfer-Encoding: xchunked"),
        post("/as/token", CHUNKED, "Transfer-Encoding: chunked, identity"),
        post("/as/token", CHUNKED, "Transfer-Encoding : chunked"),
        post("/as/token", b"5\nabcde\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
        post().replace(b"\r\n", b"\n"),
        post().replace(b"Host: h\r\n", b"Host: h\n"),
        post("/as/token", BODY, "X-Folded: a\r\n b"),
        post("/as/token", CHUNKED, "Transfer-Encoding:\r\n chunked"),
        post("/as/token", BODY, "X-Nul: a\0b"),
        post("/as/token", BODY, "X-Cr: a\rb"),
    ],
    ids=[
        "length and chunked",
        "chunked and length",
        "two lengths",
        "one length twice",
        "list of lengths",
        "signed length",
        "unknown coding",
        "chunked not last",
        "space before colon",
        "bare LF in a chunk",
        "bare LF everywhere",
        "bare LF once",
        "obs-fold",
        "folded coding",
        "NUL",
        "bare CR",
    ],
)
async def test_a_request_that_two_readers_could_read_differently_is_400_and_close(raw):
    async with served() as (front, port):
        answer = await exchange(port, raw.replace(b"Connection: close\r\n", b""))
        assert front.service.sent("RedeemGrant") == []
    assert head_of(answer)[0] == b"HTTP/1.1 400 Bad Request"
    assert answer.count(b"HTTP/1.1") == 1
    assert b"alive" not in answer


@pytest.mark.hostile("H06")
async def test_two_hosts_are_400():
    async with served() as (front, port):
        answer = await exchange(port, post("/as/token", BODY, "Host: other"))
        assert front.service.got == []
    assert head_of(answer)[0] == b"HTTP/1.1 400 Bad Request"


@pytest.mark.hostile("H06")
@pytest.mark.parametrize("path", ["/nowhere", "/as/jwks.json"])
async def test_an_unread_body_is_never_the_next_request(path):
    async with served() as (_front, port):
        answer = await exchange(port, post(path, NEXT, close=False))
    assert answer.count(b"HTTP/1.1") == 1
    assert b"connection: close" in answer


@pytest.mark.hostile("H06")
@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.2"])
async def test_an_upgrade_is_refused_because_its_body_would_be_lost(protocol):
    async with served() as (front, port):
        answer = await exchange(port, post("/as/token", NEXT, "Connection: Upgrade", f"Upgrade: {protocol}"))
        assert front.service.got == []
    assert head_of(answer)[0] == b"HTTP/1.1 400 Bad Request"
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.req("F-01")
@pytest.mark.hostile("H01")
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
async def test_another_method_is_405(method):
    async with served() as (_front, port):
        answer = await exchange(port, f"{method} /as/token HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
    assert head_of(answer)[0] == b"HTTP/1.1 405 Method Not Allowed"
    assert b"allow: POST\r\n" in answer
    assert (head_of(answer)[1] == b"") == (method == "HEAD")


@pytest.mark.req("F-08")
async def test_a_large_body_is_413_and_close():
    async with served() as (_front, port):
        declared = await exchange(port, post("/as/token", b"", "Content-Length: 1000000", close=False))
        grown = await exchange(
            port,
            post("/as/token", b"", "Transfer-Encoding: chunked", close=False),
            *[b"8000\r\n" + b"a" * 0x8000 + b"\r\n"] * 4,
        )
    for answer in (declared, grown):
        status, body = head_of(answer)
        assert status.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer
        assert b'"error":"invalid_request"' in body


@pytest.mark.hostile("H13")
async def test_a_body_of_one_byte_at_a_time_is_408_and_close():
    async with served(SHORT) as (front, port):
        raw = post(close=False)
        answer = await exchange(port, raw[:-20], *[raw[i : i + 1] for i in range(-20, -1)], pause=0.05)
        assert front.only("RefuseRequest").fault == pb.WIRE_FAULT_BODY_TOO_SLOW
    assert head_of(answer)[0].startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer


@pytest.mark.hostile("H13")
@pytest.mark.parametrize(
    "parts",
    [
        [],
        [b"POST /as/tok"],
        [bytes([letter]) for letter in b"GET /as/jwks.json HTTP/1.1\r\nX: "],
        [b"\r\n"] * 30,
        [NEXT, b"GET /he"],
        [NEXT, *[b"\r\n"] * 30],
        [NEXT, *[bytes([letter]) for letter in b"GET /as/jwks.json HTTP/1.1\r\nX: "]],
    ],
    ids=[
        "silence",
        "half a line",
        "a byte at a time",
        "empty lines",
        "half a second request",
        "empty lines after",
        "a second request a byte at a time",
    ],
)
async def test_a_head_that_does_not_end_is_a_close(parts):
    loop = asyncio.get_running_loop()
    async with served(SHORT) as (_front, port):
        started = loop.time()
        answer = await exchange(port, *parts, pause=0.05)
        # All parts together would take 1.5 s; uvicorn waits 5 s for a second request.
        assert loop.time() - started < 1.4
    assert answer.count(b"HTTP/1.1 200") == parts.count(NEXT)


@pytest.mark.hostile("H13")
async def test_many_slow_sockets_hinder_nobody_and_are_all_closed():
    async with served(SHORT) as (_front, port):
        slow = [asyncio.create_task(exchange(port, post(close=False)[:-5])) for _ in range(150)]
        quick = await exchange(port, post())
        answers = await asyncio.gather(*slow)
    assert head_of(quick)[0] == b"HTTP/1.1 200 OK"
    assert {head_of(answer)[0][:12] for answer in answers} == {b"HTTP/1.1 408"}


@pytest.mark.req("F-08")
@pytest.mark.parametrize("size", [5000, 300_000])
async def test_a_head_over_the_limit_is_400_and_close(size):
    async with served(SHORT) as (front, port):
        whole = await exchange(port, post("/as/token", BODY, "X-Large: " + "a" * size))
        endless = await exchange(port, b"GET /healthz HTTP/1.1\r\nX-Large: " + b"a" * size)
        many = await exchange(port, post("/as/token", BODY, *["X: a"] * (size // 2)))
        assert front.service.got == []
    for answer in (whole, endless, many):
        assert b"HTTP/1.1 200" not in answer
    assert head_of(endless)[0] == b"HTTP/1.1 400 Bad Request"


async def test_the_limit_of_the_head_counts_one_request_and_not_the_connection():
    async with served(SHORT) as (_front, port):
        one = post("/as/token", BODY, "X: " + "a" * 2000, close=False)
        answer = await exchange(port, one, one, one, post())
    assert answer.count(b"HTTP/1.1 200 OK") == 4


async def test_a_slow_body_is_not_cut_by_the_time_of_the_head():
    limits = ShimLimits(head_seconds=0.4, body_seconds=5)
    async with served(limits) as (_front, port):
        raw = post()
        answer = await exchange(port, raw[:-4], raw[-4:-2], raw[-2:], pause=0.25)
    assert head_of(answer)[0] == b"HTTP/1.1 200 OK"


@pytest.mark.hostile("H08")
async def test_a_forwarded_header_is_not_believed_from_loopback():
    async with served() as (front, port):
        await exchange(port, post("/as/token", BODY, "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https"))
        assert front.only("RedeemGrant").observed.client_address == "127.0.0.1"


async def test_a_client_that_leaves_does_not_stop_its_call():
    arrived, done = asyncio.Event(), asyncio.Event()

    async def slowly(_message):
        arrived.set()
        await asyncio.sleep(0.1)
        done.set()
        return pb.RedeemGrantResponse(access_token="x")

    async with served() as (front, port):
        front.service.answers["RedeemGrant"] = slowly
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post())
        await arrived.wait()
        writer.transport.abort()
        await asyncio.wait_for(done.wait(), 5)


async def test_the_server_leaves_signals_to_the_process_drains_and_has_no_name():
    gate, arrived = asyncio.Event(), asyncio.Event()

    async def slowly(_message):
        arrived.set()
        await gate.wait()
        return pb.RedeemGrantResponse(access_token="late")

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    async with fronted() as front:
        front.service.answers["RedeemGrant"] = slowly
        listener = socket.create_server(("127.0.0.1", 0))
        server = HttpServer(server_config(front.shim, ShimLimits()))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        asking = asyncio.create_task(exchange(listener.getsockname()[1], post()))
        await arrived.wait()
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
        server.should_exit = True
        gate.set()
        await serving
        answer = await asking
        listener.close()
    assert b"late" in answer
    assert b"date: " in answer
    assert b"server: " not in answer
