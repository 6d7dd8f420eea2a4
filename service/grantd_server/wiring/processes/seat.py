"""A worker's place under its supervisor: its index, the sockets it was handed, and the
line on which it says how far it is and hears that the supervisor is gone."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from grantd_server.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

UP: Final = b"u"
"""What a worker says when its listeners are up."""
READY: Final = b"r"
"""What it says when it takes calls for the first time: a bundle, a fresh view."""

BEAT: Final = b"b"
"""What it says again and again, as long as its event loop turns."""
BEATS: Final = 1.0
"""Seconds between two of these."""


@dataclass(frozen=True, slots=True)
class Seat:
    """What the supervisor gives a worker on its way; as text it is an argument."""

    index: int
    line: int
    """File descriptor of the worker's end."""
    http: int | None = None
    """File descriptor of the socket that all workers take HTTP connections from."""

    def __str__(self) -> str:
        return f"{self.index}:{self.line}:{'' if self.http is None else self.http}"

    @classmethod
    def read(cls, text: str) -> Seat:
        """Reads the argument. Raises SettingsError."""
        try:
            index, line, http = text.split(":")
            return cls(int(index), int(line), int(http) if http else None)
        except ValueError:
            raise SettingsError(["--seat is for workers, which grantd starts itself; use --workers."]) from None


async def beat(tell: Callable[[bytes], None]) -> None:
    """Says that the loop turns, until cancelled."""
    while True:
        tell(BEAT)
        await asyncio.sleep(BEATS)


def line_of(seat: Seat | None, stop: asyncio.Event) -> Callable[[bytes], None]:
    """Opens the line; returns what tells the supervisor. Sets `stop` when the supervisor
    is gone, however it ended: no worker outlives it for longer than it drains."""
    if seat is None:
        return lambda _: None
    line = socket.socket(fileno=seat.line)
    line.setblocking(False)
    line.set_inheritable(False)
    loop = asyncio.get_running_loop()

    def gone() -> None:
        # The supervisor says nothing on this line: what can be read is its end.
        loop.remove_reader(line)
        line.close()
        stop.set()

    def tell(word: bytes) -> None:
        with contextlib.suppress(OSError):
            line.send(word)

    loop.add_reader(line, gone)
    return tell
