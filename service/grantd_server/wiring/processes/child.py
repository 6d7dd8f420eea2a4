"""One worker process, as its supervisor sees it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

from grantd_server.wiring.processes.seat import BEAT, READY, UP, Seat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PROGRAM: Final = (sys.executable, "-P", "-m", "grantd_server")
"""What a process of ours runs; -P: never a module from the working directory."""

_LOOK: Final = 0.02
"""Seconds between looks at a process that is about to end."""


class Child:
    """A process that was started, and what it has said since."""

    def __init__(self, index: int, process: subprocess.Popen[bytes], line: socket.socket) -> None:
        self.index = index
        self.pid = process.pid
        self.up = asyncio.Event()
        self.ready = asyncio.Event()
        self.born = time.monotonic()
        self._beaten: float | None = None
        self._process = process
        self._line = line
        self.ended = asyncio.create_task(self._followed(), name=f"worker {index}")
        """Its exit status once it has one, as `subprocess` gives it. Shield it."""

    @classmethod
    def start(
        cls,
        index: int,
        command: Callable[[Seat], Sequence[str]],
        http: socket.socket | None,
        environ: Mapping[str, str],
    ) -> Child:
        """Starts a process of its own program image.

        Not a fork: gRPC does not survive one, and a worker that is started anew runs
        the release that is installed by then. Raises OSError.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            seat = Seat(index, theirs.fileno(), None if http is None else http.fileno())
            handed = [seat.line] if seat.http is None else [seat.line, seat.http]
            try:
                process = subprocess.Popen(  # noqa: S603 - our own program
                    command(seat),
                    env=environ,
                    stdin=subprocess.DEVNULL,
                    pass_fds=handed,
                    # A terminal's Ctrl-C and hang-up are for the supervisor, which passes them on.
                    process_group=0,
                )
            except OSError:
                ours.close()
                raise
        ours.setblocking(False)
        return cls(index, process, ours)

    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self.born

    def silent(self) -> float:
        """Seconds since its loop last showed that it turns; 0 before it did so once."""
        return 0.0 if self._beaten is None else time.monotonic() - self._beaten

    def excuse(self) -> None:
        """Counts its silence from now on: nobody was listening."""
        if self._beaten is not None:
            self._beaten = time.monotonic()

    async def comes(self, event: asyncio.Event, seconds: float | None = None) -> bool:
        """Waits for `up` or `ready`; False when it ended before, or was too slow."""
        coming = asyncio.create_task(event.wait())
        try:
            await asyncio.wait({coming, self.ended}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            return event.is_set() and not self.ended.done()
        finally:
            coming.cancel()

    def terminate(self) -> None:
        """Asks it to drain and end."""
        self._process.terminate()

    def kill(self) -> None:
        """Ends it."""
        self._process.kill()

    async def _followed(self) -> int:
        loop = asyncio.get_running_loop()
        with self._line, contextlib.suppress(ConnectionError):
            while said := await loop.sock_recv(self._line, 16):
                if UP in said:
                    self.up.set()
                if READY in said:
                    self.ready.set()
                if BEAT in said:
                    self._beaten = time.monotonic()
        # The line ended, so the process is ending: it is the only one that has the other end.
        return await ended(self._process)


async def ended(process: subprocess.Popen[bytes]) -> int:
    """Waits for the exit status, without a thread."""
    while (status := process.poll()) is None:  # noqa: ASYNC110 - the system tells a process by a signal only
        await asyncio.sleep(_LOOK)
    return status


def words(status: int) -> str:
    """An exit status in words: `exit 2`, `SIGKILL`."""
    if status >= 0:
        return f"exit {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
