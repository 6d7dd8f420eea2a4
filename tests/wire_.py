"""Test support: the way between a store and its PostgreSQL, which can be cut, held or slowed."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"


@dataclass
class Wire:
    """Passes bytes on. What is set to happen at COMMIT happens `times` times."""

    port: int
    """Of the server behind it."""
    at_commit: str = ""
    """`cut before` the server has it, `cut after` it has answered, `hold` it back for ever,
    or `call` somebody and then pass it on."""
    times: int = 1
    called: Callable[[], None] = lambda: None
    delay: float = 0.0
    """Seconds by which each answer comes late."""
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set nothing is passed on, and nobody is told."""
    commits: int = 0
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _handlers: list[asyncio.Task[None]] = field(default_factory=list)
    listening: int = 0

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._handlers.append(asyncio.create_task(self._pass(reader, writer)))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind, ahead = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            writer.close()
            return
        self._open |= {writer, ahead}
        cut = asyncio.Event()
        ways = [
            asyncio.create_task(self._up(reader, ahead, cut)),
            asyncio.create_task(self._down(behind, writer, cut)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, ahead):
                end.close()
                self._open.discard(end)

    async def _up(self, reader: asyncio.StreamReader, ahead: asyncio.StreamWriter, cut: asyncio.Event) -> None:
        while data := await reader.read(65536):
            if COMMIT in data:
                self.commits += 1
            if COMMIT in data and self.at_commit and self.times:
                self.times -= 1
                if self.at_commit == "cut before":
                    return
                if self.at_commit == "hold":
                    await reader.read()  # until who waits for it gives up
                    return
                if self.at_commit == "cut after":
                    cut.set()
                if self.at_commit == "call":
                    self.called()
            await self.flowing.wait()
            ahead.write(data)
            await ahead.drain()

    async def _down(self, behind: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: asyncio.Event) -> None:
        while data := await behind.read(65536):
            if cut.is_set():
                return
            await asyncio.sleep(self.delay)
            await self.flowing.wait()
            writer.write(data)
            await writer.drain()


@contextlib.asynccontextmanager
async def wire_to(port: int) -> AsyncIterator[Wire]:
    """A wire to the server on `port`, until the end of the block."""
    wire = Wire(port)
    wire.flowing.set()
    server = await asyncio.start_server(wire.connected, "127.0.0.1", 0)
    wire.listening = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        wire.flowing.set()
        server.close()
        for end in list(wire._open):
            end.close()
        await asyncio.gather(*wire._handlers)
