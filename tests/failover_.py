"""Test support: a PostgreSQL primary and its synchronous standby, two real servers."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import postgres_
from grantd_server.store import migrations

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Pair:
    primary: postgres_.Server
    standby: postgres_.Server

    @property
    def url(self) -> str:
        return f"postgresql://grantd@127.0.0.1:{self.primary.port},127.0.0.1:{self.standby.port}/postgres"

    def end_primary(self, how: signal.Signals) -> None:
        """To all its processes at once, as a machine ends: SIGKILL, or SIGSTOP for one that hangs."""
        for pid in self.primary.processes():
            os.kill(pid, how)


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A migrated primary with a standby that each COMMIT waits for."""
    folder = Path("/tmp") / f"grantd-pair-{os.getpid()}-{time.monotonic_ns()}"
    folder.mkdir(mode=0o755)
    try:
        with postgres_.postgresql(folder) as primary:
            migrations.upgrade(primary.url("postgres"))
            standby = primary.standby("standby")
            try:
                yield Pair(primary, standby)
            finally:
                # What a test has frozen does not end.
                for pid in (*primary.processes(), *standby.processes()) if primary.process else ():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGCONT)
                standby.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
