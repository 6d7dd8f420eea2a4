"""Starts the demo's programs, waits until they answer, and stops exactly those."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class NotStartedError(Exception):
    """A program ended or did not answer in time; the message has the end of its log."""


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def accepts(port: int) -> bool:
    """True when something listens on the loopback port."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Program:
    """One child process with its log file, in a process group of its own."""

    def __init__(self, name: str, command: list[str], log: Path, environment: dict[str, str] | None = None) -> None:
        self.name = name
        self.log = log
        # PYTHONPATH and the like of the caller must not reach another environment.
        clean = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        with log.open("wb") as out:
            self._process = subprocess.Popen(  # noqa: S603 - the demo's own commands, no input in them
                command, stdout=out, stderr=subprocess.STDOUT, env=clean | (environment or {}), start_new_session=True
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool], seconds: float = 20) -> None:
        """Waits until `ready`; a program that does not get there is stopped.

        Raises:
            NotStartedError: the program ended, or the time was up.
        """
        deadline = time.monotonic() + seconds
        try:
            while not ready():
                if self._process.poll() is not None or time.monotonic() > deadline:
                    what = "ended" if self._process.poll() is not None else "did not answer"
                    tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
                    raise NotStartedError(f"{self.name} {what}; the end of {self.log}:\n{tail}")
                time.sleep(0.05)
        except BaseException:
            self.stop()
            raise

    def stop(self, seconds: float = 5) -> int:
        """Asks it to end, then insists. Returns the exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()
