"""What may happen to a database under load, over real replicas: it is cut off at COMMIT, slow,
silent, frozen, killed. Calls under way may fail; no promise does, and service returns.

`make chaos` runs it. `test_postgres_faults.py` has the same faults one call at a time.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
import pytest_asyncio

from chaos.checker import Verdict, agree
from chaos.client import Client
from chaos.cluster import cluster
from chaos.database import Witness
from chaos.evidence import Call, Outage
from chaos.kinds import RIGHT
from chaos.load import Load
from grantd_server.store.opening import Opening
from grantd_server.store.upgrading import upgrade_database
from postgres_ import Server, frozen, postgresql
from wire_ import Wire, wire_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from chaos.cluster import Cluster

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long]

HELD = 3.0
"""Seconds that a fault lasts, where it lasts."""
BACK = 4.0
"""Seconds after it in which calls may still fail: connections are made anew."""


@dataclass
class Scene:
    """Two replicas behind a wire to a PostgreSQL of their own."""

    server: Server
    wire: Wire
    running: Cluster
    witness: Witness
    calls: list[Call] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)

    async def under_load(self, what: str, fault: Callable[[Scene], Awaitable[None]]) -> Verdict:
        """Load before, during and after a fault."""
        client = Client(self.calls.append)
        loading = asyncio.create_task(Load(self.running, client, rate=80).run(2 + HELD + BACK + 3))
        await asyncio.sleep(2)
        begun = time.monotonic()
        try:
            await fault(self)
        finally:
            self.outages.append(Outage(None, begun, time.monotonic() + BACK, what))
        await loading
        await client.close()
        return agree(self.calls, await self.witness.testimony(), self.outages, RIGHT)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One that the account of PostgreSQL may enter."""
    made = Path("/tmp") / f"grantd-chaos-{os.getpid()}-{time.monotonic_ns()}"
    made.mkdir(mode=0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def scene(folder: Path) -> AsyncIterator[Scene]:
    with postgresql(folder) as server:
        name = server.new_database()
        await asyncio.to_thread(upgrade_database, Opening(server.url(name), "chaos/cli"))
        async with wire_to(server.port) as wire:
            behind = server.url(name).replace(f":{server.port}/", f":{wire.listening}/")
            async with cluster(folder, behind, 2) as running:
                yield Scene(server, wire, running, Witness(server.url(name)))


def at_commit(how: str) -> Callable[[Scene], Awaitable[None]]:
    async def fault(scene: Scene) -> None:
        scene.wire.at_commit, scene.wire.times = how, 4
        await asyncio.sleep(HELD)
        scene.wire.at_commit = ""

    return fault


async def slow(scene: Scene) -> None:
    scene.wire.delay = 0.15
    await asyncio.sleep(HELD)
    scene.wire.delay = 0.0


async def silent(scene: Scene) -> None:
    scene.wire.flowing.clear()
    await asyncio.sleep(HELD)
    scene.wire.flowing.set()


async def one_frozen(scene: Scene) -> None:
    writers = [pid for pid in scene.server.processes() if "127.0.0.1" in " ".join(psutil.Process(pid).cmdline())]
    with frozen(*writers[:1]):
        await asyncio.sleep(HELD)


async def all_frozen(scene: Scene) -> None:
    with frozen(*scene.server.processes()):
        await asyncio.sleep(HELD)


async def killed(scene: Scene) -> None:
    server = scene.server
    for pid in reversed(server.processes()):  # itself last: the others would hear of it
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(server.restart, signal.SIGKILL)


async def stopped(scene: Scene) -> None:
    await asyncio.to_thread(scene.server.stop)
    await asyncio.sleep(HELD)
    await asyncio.to_thread(scene.server.start)


FAULTS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "cut before COMMIT arrives": at_commit("cut before"),
    "cut after COMMIT was answered": at_commit("cut after"),
    "COMMIT held back for ever": at_commit("hold"),
    "slow": slow,
    "silent": silent,
    "one session frozen": one_frozen,
    "frozen as a whole": all_frozen,
    "killed and started again": killed,
    "stopped and started again": stopped,
}


@pytest.mark.req("B-20", "B-21", "B-22", "A-49")
@pytest.mark.hostile("F01", "F06")
@pytest.mark.parametrize("what", FAULTS)
async def test_no_promise_breaks_and_service_returns_when_a_database_is(scene: Scene, what: str) -> None:
    verdict = await scene.under_load(what, FAULTS[what])
    assert verdict.holds, verdict.examples
    last = [call for call in scene.calls if call.begun > scene.outages[-1].ended]
    assert last, "it was called after it came back"
