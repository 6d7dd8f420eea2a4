"""Test support: just enough of an HTTP/2 server to do what no gRPC server can be made to do: end
streams with REFUSED_STREAM, after which a client knows that nothing was done."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DATA, HEADERS, RST_STREAM, SETTINGS, PING = 0, 1, 3, 4, 6
END_STREAM, ACK, END_HEADERS = 1, 1, 4
CUT_OFF = -1
"""Instead of an error code: ends the connection."""
PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def text(name: bytes, value: bytes) -> bytes:
    """A header field, literal and not indexed (RFC 7541 section 6.2.2)."""
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


@dataclass
class Refuser:
    """Ends the first `refuse` streams with `code`, and answers the others with `answer`."""

    refuse: int
    code: int = 7
    answer: bytes = b""
    streams: int = 0
    connections: int = 0
    port: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set)
    _refused: set[tuple[int, int]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        here = self.connections
        self.open.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readexactly(PREFACE)
            writer.write(frame(SETTINGS, 0, 0))
            while True:
                head = await reader.readexactly(9)
                kind, flags, stream = head[3], head[4], int.from_bytes(head[5:])
                payload = await reader.readexactly(int.from_bytes(head[:3]))
                if kind in {SETTINGS, PING} and not flags & ACK:
                    writer.write(frame(kind, ACK, 0, payload if kind == PING else b""))
                elif kind == HEADERS:
                    self.streams += 1
                    if self.streams <= self.refuse and self.code == CUT_OFF:
                        break
                    if self.streams <= self.refuse:
                        self._refused.add((here, stream))
                        writer.write(frame(RST_STREAM, 0, stream, self.code.to_bytes(4)))
                elif kind == DATA and flags & END_STREAM and (here, stream) not in self._refused:
                    writer.write(self._answered(stream))
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self.open.discard(writer)

    def _answered(self, stream: int) -> bytes:
        ok = b"\x88" + text(b"content-type", b"application/grpc")
        body = b"\0" + len(self.answer).to_bytes(4) + self.answer
        end = text(b"grpc-status", b"0") + text(b"x-test", b"answered")
        return (
            frame(HEADERS, END_HEADERS, stream, ok)
            + frame(DATA, 0, stream, body)
            + frame(HEADERS, END_HEADERS | END_STREAM, stream, end)
        )


@contextlib.asynccontextmanager
async def refusing(refuse: int, code: int = 7) -> AsyncIterator[Refuser]:
    """Listens until the end of the block."""
    refuser = Refuser(refuse, code, b"answer")
    server = await asyncio.start_server(refuser.serve, "127.0.0.1", 0)
    refuser.port = server.sockets[0].getsockname()[1]
    try:
        yield refuser
    finally:
        server.close()
        for writer in list(refuser.open):
            writer.close()
        while refuser.open:  # noqa: ASYNC110 - each ends by itself
            await asyncio.sleep(0)
