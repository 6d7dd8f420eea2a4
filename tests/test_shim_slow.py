"""Slow and large requests under the real server."""

from __future__ import annotations

import asyncio

import pytest

from grantd.v1 import authorization_pb2 as pb
from grantd_server.shim import ShimLimits
from shim_sockets import BODY, NEXT, exchange, head_of, post, served

SHORT = ShimLimits(body_seconds=0.4, head_seconds=0.4, head_bytes=4096)


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
