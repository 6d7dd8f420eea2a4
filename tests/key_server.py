"""Test support: a scripted HTTP server on loopback that can misbehave byte by byte."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Awaitable, Callable


def answer(body: str | bytes, *headers: str, status: str = "200 OK") -> bytes:
    raw = body.encode() if isinstance(body, str) else body
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(raw)}", *headers))
    return f"{head}\r\n\r\n".encode() + raw


class KeyServer:
    """Answers by path. A script is the raw answer, or a coroutine function that writes it."""

    def __init__(self) -> None:
        self.scripts: dict[str, bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]] = {}
        self.port = 0
        self.connections = 0
        self.requests: list[str] = []
        self.paths: Counter[str] = Counter()
        self.arrived = asyncio.Event()
        """Set by the first request."""
        self.gate = asyncio.Event()
        """Answers wait for it; set unless a test clears it."""
        self.gate.set()

    def url(self, path: str = "/keys", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = request.split(" ", 2)[1]
            self.requests.append(request)
            self.paths[path] += 1
            self.arrived.set()
            await self.gate.wait()
            script = self.scripts.get(path, answer("", status="404 Not Found"))
            if isinstance(script, bytes):
                writer.write(script)
                await writer.drain()
            else:
                await script(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def key_server(tls: ssl.SSLContext | None = None) -> AsyncIterator[KeyServer]:
    served = KeyServer()
    async with await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=tls) as server:
        served.port = server.sockets[0].getsockname()[1]
        yield served
        served.gate.set()
