"""The shim under its real server, and raw sockets that ask it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

from grantd_server.shim import ShimLimits
from grantd_server.shim.server import HttpServer, server_config
from shim_fakes import FORM, REDEEM, Front, fronted

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BODY = f"grant_type={REDEEM}&assertion=x".encode()
NEXT = b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"


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
