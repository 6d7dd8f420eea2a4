"""The governance directory under several workers: their supervisor looks for changes and
has them applied by a process of its own, once, while the workers go on."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from typing import TYPE_CHECKING

from grantd_server.telemetry.logs import Level
from grantd_server.wiring.processes.child import ended

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from grantd_server.telemetry.logs import LogLines

Stamp = list[tuple[str, int, int]]
"""Of each file its name, time of change and size."""


def stamp(directory: Path) -> Stamp:
    """What changes when a file of the directory does."""
    found = []
    for file in sorted(directory.rglob("*.y*ml")):
        with contextlib.suppress(OSError):
            stat = file.stat()
            found.append((str(file), stat.st_mtime_ns, stat.st_size))
    return found


class AppliedDirectory:
    """Has a directory applied at the start and whenever it changes.

    `command` is `grantd apply` without its arguments, and `environ` where it reads the
    settings from.
    """

    def __init__(
        self, directory: Path, poll: float, command: Sequence[str], environ: Mapping[str, str], log: LogLines
    ) -> None:
        self._directory = directory
        self._poll = poll
        self._command = command
        self._environ = environ
        self._log = log
        self._seen: Stamp = []

    async def at_start(self) -> int:
        """Applies it; the exit code. What is wrong with it is on stderr."""
        # Looked at before it is read: what changes meanwhile is seen as a change.
        self._seen = stamp(self._directory)
        return await self._apply(f"start with {self._directory.name}")

    async def follow(self) -> None:
        """Applies it whenever it changes, until cancelled; what is invalid keeps the old
        version."""
        while True:
            await asyncio.sleep(self._poll)
            found = stamp(self._directory)
            if found == self._seen:
                continue
            self._seen = found
            if code := await self._apply("the directory changed"):
                self._log.event(Level.ERROR, "governance.kept", cause=f"grantd apply ended with {code}")
            else:
                self._log.event(Level.INFO, "governance.applied")

    async def _apply(self, why: str) -> int:
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own program, which is started and not waited for
            [*self._command, str(self._directory), "--message", why],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        return await ended(process)
