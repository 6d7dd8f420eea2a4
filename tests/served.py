"""Test support: `grantd` in processes of its own, with the test company's bundle."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import yaml

import organisation as org
from grantd_server.keys.own.files import KeyDirectory
from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.ring import Needed
from grantd_server.keys.own.rotation import Rotation, Schedule

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GRANTD = Path(sys.executable).with_name("grantd")
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith(("GRANTD", "OTEL"))}
KEYS = [
    Needed("", Purpose.PSEUDONYM, "HS256"),
    Needed(org.GRANTS, Purpose.GRANT_SIGNING, "ES256"),
    Needed(org.SERVER, Purpose.ACCESS_TOKEN, "ES256"),
    Needed(org.OTHER_SERVER, Purpose.ACCESS_TOKEN, "ES256"),
]


def prepare(folder: Path) -> dict[str, Any]:
    """Makes keys and the governance directory; the settings that name them."""
    keys = KeyDirectory(folder / "keys")
    keys.make()
    Rotation(keys, Schedule()).ensure(KEYS, int(time.time()))
    org.write(folder / "governance", org.bundle())
    return {
        "store": {"url": f"sqlite:///{folder}/grantd.db"},
        "keys": {"directory": str(folder / "keys")},
        "governance": {"directory": str(folder / "governance")},
    }


@dataclass
class Process:
    """A running `grantd` and the events of its log so far."""

    process: asyncio.subprocess.Process
    events: list[dict[str, Any]] = field(default_factory=list)
    reading: asyncio.Task[None] | None = None

    async def until(self, event: str) -> None:
        """Reads the log up to an event."""
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            self.events.append(json.loads(line))
            if self.events[-1]["event"] == event:
                return
        raise AssertionError(f"it ended without {event}: {self.events}")

    def read_on(self) -> None:
        """Reads the log to its end meanwhile, but keeps no line about a call."""

        async def reading() -> None:
            assert self.process.stderr is not None
            while line := await self.process.stderr.readline():
                event = json.loads(line) if line.startswith(b"{") else {"event": "text", "line": line.decode()}
                if event["event"] != "call":
                    self.events.append(event)

        self.reading = asyncio.create_task(reading())

    def of(self, name: str) -> list[dict[str, Any]]:
        """The events of a name, so far."""
        return [event for event in self.events if event["event"] == name]

    async def told(self, name: str, times: int = 1) -> None:
        """Waits for an event while the log is read."""
        assert self.reading is not None
        while len(self.of(name)) < times:
            assert not self.reading.done(), self.events
            await asyncio.sleep(0.02)

    def workers(self) -> list[int]:
        """The processes that it has started and that run, the oldest first."""
        pid = self.process.pid
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)


@asynccontextmanager
async def grantd(folder: Path, name: str, settings: dict[str, Any], *arguments: str) -> AsyncIterator[Process]:
    """Runs `grantd ARGUMENTS --config …` until the end of the block, from its `serving` on."""
    config = folder / f"{name}.yaml"
    config.write_text(yaml.safe_dump(settings))
    process = await asyncio.create_subprocess_exec(
        str(GRANTD), *arguments, "--config", str(config), stderr=asyncio.subprocess.PIPE, env=ENVIRON
    )
    running = Process(process)
    try:
        await running.until("serving")
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def http_at(socket: Path) -> httpx2.AsyncClient:
    """An HTTP client for a Unix socket, whatever host its requests name."""
    return httpx2.AsyncClient(transport=httpx2.AsyncHTTPTransport(uds=str(socket)), timeout=20)
