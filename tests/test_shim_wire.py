"""The shim under its real server, asked by raw sockets."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket

import pytest

from grantd.v1 import authorization_pb2 as pb
from grantd_server.shim import ShimLimits
from grantd_server.shim.server import HttpServer, server_config
from shim_fakes import fronted
from shim_sockets import BODY, NEXT, exchange, head_of, post, served


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


@pytest.mark.parametrize("leaves", [True, False])
async def test_who_was_let_in_before_the_end_is_answered_and_told_to_go_elsewhere(leaves):
    async with fronted() as front:
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = HttpServer(server_config(front.shim, ShimLimits()))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(NEXT)
        assert b"connection: close" not in (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(len("alive\n"))
        assert server.port == port
        if leaves:
            server.leave()
        server.should_exit = True
        while server.servers[0].is_serving():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
        writer.write(NEXT)  # it was on its way when the listener closed
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = await reader.read()
        await serving
        writer.close()
        listener.close()
    assert answer.startswith(b"HTTP/1.1 200") is leaves
    assert (b"connection: close" in answer) is leaves
