"""Closed-loop load on one way in: `IN_FLIGHT` callers over lasting connections."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from collections.abc import Sequence

CHANNELS = 4
IN_FLIGHT = 16


class GrpcLoad:
    """Raw unary calls: serialising is not the server's cost."""

    def __init__(self, port: int) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        self.channels = [grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) for _ in range(CHANNELS)]

    async def run(self, path: str, bodies: Sequence[bytes]) -> list[bytes]:
        calls = [channel.unary_unary(path) for channel in self.channels]
        queue, answers = iter(bodies), []

        async def caller(number: int) -> None:
            call: Any = calls[number % CHANNELS]
            answers.extend([await call(body, timeout=20) for body in queue])

        await asyncio.gather(*(caller(number) for number in range(IN_FLIGHT)))
        return answers

    async def close(self) -> None:
        for channel in self.channels:
            await channel.close()


class HttpLoad:
    """Form posts over HTTP/1.1 connections that are kept."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def run(self, host: str, path: str, bodies: Sequence[bytes]) -> list[bytes]:
        queue, answers = iter(bodies), []
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n"

        async def caller() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            for body in queue:
                writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                answers.append(await _answer(reader))
            writer.close()
            await writer.wait_closed()

        await asyncio.gather(*(caller() for _ in range(IN_FLIGHT)))
        return answers


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"not a 200: {head[:80]!r}")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return await reader.readexactly(int(lengths[0].split(b":")[1]))
