"""`grantd serve --workers` over PostgreSQL: calls of a client that reconnects, while every worker
is replaced, and what the chains of records say afterwards."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
import yaml

from grantd_server.audit.chain import verify
from grantd_server.store.opening import Opening, open_store
from redeeming import Answers, kept, new_grants, redeem
from replicas import Replica, settings_of, started
from served import ENVIRON, GRANTD
from worker_programs import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from postgres_ import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def address(migrated: Server) -> str:
    return migrated.url(migrated.new_database("grantd_template"))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def town(address: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Replica]:
    folder = tmp_path_factory.mktemp("town")
    governance = {"directory": str(folder / "governance"), "poll": 0.2}
    settings = settings_of(folder, address) | {"workers": 2, "governance": governance}
    replica = await started(folder, "town", settings)
    yield replica
    await replica.gone()


async def test_a_rolling_restart_loses_no_call_of_a_client_that_reconnects(town: Replica, address: str) -> None:
    answers, enough = Answers(), asyncio.Event()

    async def client() -> None:
        """Keeps a connection, and opens another when it is told that it ends."""
        stub = town.stub()
        while not enough.is_set():
            ((jti, grant),) = new_grants(1).items()
            await redeem(stub, jti, grant, answers, turns=2)

    clients = [asyncio.create_task(client()) for _ in range(8)]
    os.kill(town.pid, signal.SIGHUP)
    await town.process.told("restarted")
    enough.set()
    await asyncio.gather(*clients)
    assert (answers.failed, answers.refused) == ({}, {})
    assert answers.granted > 50
    found = await kept(address)
    assert found.granted == answers.granted
    assert found.writers <= {"town/0", "town/1", "town/2"}
    assert "town/2" in found.writers, "the first successor has a name that nobody has"


async def test_every_chain_holds_after_workers_were_replaced_and_killed(town: Replica, address: str) -> None:
    stub = town.stub()
    victim = next(iter(town.process.workers()))
    os.kill(victim, signal.SIGKILL)
    await town.process.told("worker.died")
    answers = Answers()
    for jti, grant in new_grants(20).items():
        await redeem(stub, jti, grant, answers)
    assert answers.granted == 20
    store = open_store(Opening(address, "reader"))
    try:
        assert verify([row async for row in store.history()]) is None
    finally:
        await store.close()


async def test_a_changed_directory_is_applied_once_for_all_workers(town: Replica) -> None:
    before = len(town.process.of("governance.applied"))
    directory = town.config.parent / "governance" / "organisation.yaml"
    document = yaml.safe_load(directory.read_text())
    document["grants"]["grants"][0]["scopes"] = ["shared:read"]
    directory.write_text(yaml.safe_dump(document))
    await town.process.told("governance.applied", before + 1)
    (broken := directory.with_name("broken.yaml")).write_text("nonsense: 1\n")
    await town.process.told("governance.kept")
    assert any("broken.yaml:1" in event["line"] for event in town.process.of("text"))
    broken.unlink()
    await town.process.told("governance.applied", before + 2)


async def test_what_keeps_a_worker_from_starting_is_told_once_and_ends_all(migrated: Server, tmp_path: Path) -> None:
    empty = migrated.url(migrated.new_database())
    config = tmp_path / "grantd.yaml"
    config.write_text(yaml.safe_dump(settings_of(tmp_path, empty) | {"workers": 3}))
    process = await asyncio.create_subprocess_exec(
        str(GRANTD), "serve", "--config", str(config), stderr=asyncio.subprocess.PIPE, env=ENVIRON
    )
    _, told = await process.communicate()
    assert process.returncode == 2
    sentences = [line for line in told.decode().splitlines() if not line.startswith("{")]
    assert len(sentences) == 1, told
    assert sentences[0].startswith("store.url: ")


async def test_all_workers_drain_and_the_supervisor_ends_with_0(town: Replica) -> None:
    await until(lambda: len(town.process.workers()) == 2)
    town.process.terminate()
    assert await asyncio.wait_for(town.process.process.wait(), 20) == 0
    assert town.process.of("worker.killed") == []
