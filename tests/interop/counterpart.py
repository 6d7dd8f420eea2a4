"""One program of other hands: runs it within its time and judges what it printed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_TOKEN = re.compile(r"eyJ[\w-]+(\.[\w-]*){1,4}")


@dataclass(frozen=True)
class Outcome:
    """What came of it, in one line; `output` is everything it printed."""

    passed: bool
    seconds: float
    what: str
    output: str


@dataclass(frozen=True)
class Counterpart:
    """A command and what it has to print. An exit status of 0 alone proves nothing."""

    name: str
    command: list[str]
    must: tuple[str, ...]
    """Regular expressions; the first match of each, joined, is the line that is told."""
    limit: float = 60
    """Seconds."""
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, folder: Path) -> Outcome:
        """Runs it in `folder`. Whatever it leaves behind is stopped with it."""
        begun = time.monotonic()
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "NODE_", "npm_"))}
        with subprocess.Popen(
            self.command,
            cwd=folder,
            env=clean | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                printed, _ = process.communicate(timeout=self.limit)
                output = _COLOUR.sub("", printed)
            except subprocess.TimeoutExpired:
                output = f"not done within {self.limit:.0f} seconds"
            finally:
                _stop_group(process.pid)
        missing = [pattern for pattern in self.must if not re.search(pattern, output, re.MULTILINE)]
        passed = process.returncode == 0 and not missing
        what = "; ".join(self._told(output)) if passed else f"exit status {process.returncode}, missing: {missing}"
        return Outcome(passed, time.monotonic() - begun, what, _TOKEN.sub("(token)", output))

    def _told(self, output: str) -> list[str]:
        found = [re.search(pattern, output, re.MULTILINE) for pattern in self.must]
        return [_TOKEN.sub("(token)", match[0]).strip() for match in found if match]


def _stop_group(pid: int) -> None:
    """Ends what is left of the process group that the program was started in."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
