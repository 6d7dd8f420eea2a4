"""The bounded fetcher against servers that misbehave, on loopback only."""

from __future__ import annotations

import asyncio
import gzip
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantd_server.keys.foreign.failures import FetchFailed
from grantd_server.keys.foreign.fetch import Fetcher
from key_server import answer, key_server


async def cause(fetcher: Fetcher, url: str) -> str:
    with pytest.raises(FetchFailed) as caught:
        await fetcher.get(url)
    return str(caught.value)


async def test_a_document_is_fetched_with_its_freshness_and_without_credentials():
    async with key_server() as server:
        server.scripts["/keys"] = answer("{}", "Cache-Control: public, max-age=120", "Set-Cookie: a=b", "Age: 20")
        fetcher = Fetcher(allow_loopback=True)
        for _ in range(2):
            fetched = await fetcher.get(server.url())
            assert (fetched.body, fetched.max_age) == (b"{}", 100)
        headers = server.requests[1].lower()
        assert f"host: 127.0.0.1:{server.port}" in headers
        assert not any(name in headers for name in ("cookie:", "authorization:", "proxy"))
        await fetcher.aclose()


@pytest.mark.parametrize(
    ("control", "max_age"),
    [
        ("max-age=0", 0), ("MAX-AGE = 60", 60), ('max-age="90"', 90), ("no-store, max-age=60", 0), ("no-cache", 0),
        ("s-maxage=5", None), ("x-max-age=5", None), ("max-age=-1", None), ("max-age=abc", None), ("", None),
        ("max-age=99999999999", 999999999),
    ],
)  # fmt: skip
async def test_the_freshness_is_what_cache_control_says(control, max_age):
    async with key_server() as server:
        server.scripts["/keys"] = answer("{}", f"Cache-Control: {control}")
        assert (await Fetcher(allow_loopback=True).get(server.url())).max_age == max_age


@pytest.mark.req("G-29")
@pytest.mark.hostile("K07")
@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent"]
)
@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "/elsewhere", "http://127.0.0.1:{port}/elsewhere", "//other.example/"]
)
async def test_a_redirect_is_refused_and_never_followed(status, target):
    async with key_server() as server:
        server.scripts["/elsewhere"] = answer("{}")
        server.scripts["/keys"] = answer("", f"Location: {target.format(port=server.port)}", status=status)
        assert await cause(Fetcher(allow_loopback=True), server.url()) == f"the answer has status {status[:3]}"
        assert server.connections == 1


async def trickle(writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
    await writer.drain()
    await asyncio.Event().wait()


async def reset(writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
    await writer.drain()
    socket = writer.get_extra_info("socket")
    socket.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER 0: close by RST
    writer.transport.abort()


async def flood(writer):
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        await writer.drain()


@pytest.mark.req("G-29")
@pytest.mark.hostile("K04")
@pytest.mark.parametrize(
    ("script", "why"),
    [
        (answer("{}", status="500 Oops"), "the answer has status 500"),
        (answer("{}", status="204 No Content"), "the answer has status 204"),
        (answer("x" * (512 * 1024 + 1)), "the answer has more than 524288 bytes"),
        (flood, "the answer has more than 524288 bytes"),
        (trickle, "no complete answer within 0.5 s"),
        (reset, "the connection failed (ReadError)"),
        (b"", "the connection failed (RemoteProtocolError)"),
        (b"nonsense\r\n\r\n", "the connection failed (RemoteProtocolError)"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "the connection failed (RemoteProtocolError)"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000, "the connection failed (RemoteProtocolError)"),
        (
            answer(gzip.compress(b"{}" * 10**6), "Content-Encoding: gzip"),
            "the answer is compressed, which was not asked for",
        ),
    ],
)
async def test_an_answer_that_is_no_document_within_bounds_is_a_failure(script, why):
    async with key_server() as server:
        server.scripts["/keys"] = script
        assert await cause(Fetcher(allow_loopback=True, seconds=0.5), server.url()) == why


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.binary(max_size=40))
def test_any_bytes_of_a_server_are_a_document_or_a_failure(head, body):
    async def run():
        async with key_server() as server:
            server.scripts["/keys"] = b"HTTP/1.1 200" + head + b"\r\n\r\n" + body
            try:
                await Fetcher(allow_loopback=True, seconds=1).get(server.url())
            except FetchFailed as failure:
                assert failure.args  # noqa: PT017  # both outcomes are right

    asyncio.run(run())


@pytest.mark.parametrize(
    ("age", "left"), [("40", 60), ("abc", 100), ("-1", 100), ("1e3", 100), ("9" * 400, 100), ("", 100)]
)
async def test_an_age_that_is_no_number_of_seconds_changes_nothing(age, left):
    async with key_server() as server:
        server.scripts["/keys"] = answer("{}", "Cache-Control: max-age=100", f"Age: {age}")
        assert (await Fetcher(allow_loopback=True).get(server.url())).max_age == left


async def test_a_document_of_exactly_the_cap_is_taken():
    async with key_server() as server:
        server.scripts["/keys"] = answer("x" * 1000)
        assert len((await Fetcher(allow_loopback=True, limit=1000).get(server.url())).body) == 1000
        assert (
            await cause(Fetcher(allow_loopback=True, limit=999), server.url()) == "the answer has more than 999 bytes"
        )
