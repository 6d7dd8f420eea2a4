"""Test support: a supervisor in this process over workers that are tiny programs."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grantd_server.telemetry.logs import LogLines
from grantd_server.wiring.processes.child import Child
from grantd_server.wiring.processes.supervisor import Patience, Supervisor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from grantd_server.wiring.processes.seat import Seat

FAKE = (sys.executable, "-I", "-S", "-c")
WORKER = """
import signal, socket, sys, time
if sys.argv[1] == "apply":
    sys.exit(int(open(sys.argv[2] + "/code").read()))
seat = next(each for each in sys.argv if each.count(":") == 2)
plan = sys.argv[2] if sys.argv[1] == seat else "good"
index, line, _ = seat.split(":")
line = socket.socket(fileno=int(line))
def end(*_):
    if plan != "stubborn":
        sys.exit(int(plan.partition(" ends ")[2] or 0))
signal.signal(signal.SIGTERM, end)
if plan.startswith("exit"):
    sys.exit(int(plan.split()[1]))
if plan != "never up":
    line.send(b"u")
if plan not in ("never up", "never ready"):
    line.send(b"r")
while plan in ("beats", "hangs"):
    line.send(b"b")
    if plan == "hangs":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        break
    time.sleep(0.05)
while True:
    signal.pause()
"""


@dataclass
class Crew:
    """A supervisor at work, and what was started and said."""

    supervisor: Supervisor
    running: asyncio.Task[int]
    log: io.StringIO
    started: list[Child]
    plans: list[str]
    """What the next workers do; `good` when there is none."""

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in lines if line["event"] == name]

    def live(self) -> list[Child]:
        return [child for child in self.started if not child.ended.done()]

    async def said(self, name: str, times: int = 1) -> dict[str, Any]:
        """Waits for an event of the log."""
        await until(lambda: len(self.events(name)) >= times or self.running.done())
        return self.events(name)[times - 1]


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(15):
        while not holds():  # noqa: ASYNC110 - other processes tell nobody
            await asyncio.sleep(0.01)


@asynccontextmanager
async def crew(
    posts: int, *plans: str, checked: Callable[[], list[str]] = list, **patience: float
) -> AsyncIterator[Crew]:
    """Runs a supervisor to the end of the block, and sees that no worker is left."""
    started: list[Child] = []
    planned, log = list(plans), io.StringIO()

    def start(index: int) -> Child:
        plan = planned.pop(0) if planned else "good"
        if plan == "no process":
            raise BlockingIOError(11, "Resource temporarily unavailable")

        def command(seat: Seat) -> list[str]:
            return [*FAKE, WORKER, str(seat), plan]

        started.append(Child.start(index, command, None, {}))
        return started[-1]

    limits = {"end": 10.0, "start": 10.0, "first": 0.01, **patience}
    supervisor = Supervisor(start, posts, Patience(**limits), LogLines(log, time.time_ns, lambda: None), checked)  # type: ignore[arg-type] # `attempts` is whole
    running = asyncio.create_task(supervisor.run(http="127.0.0.1:7080"))
    try:
        yield Crew(supervisor, running, log, started, planned)
    finally:
        supervisor.stop.set()
        supervisor.kill.set()
        async with asyncio.timeout(15):
            await asyncio.wait([running])
        assert [child for child in started if not child.ended.done()] == [], "nobody is left"
