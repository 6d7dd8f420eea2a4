"""The running service: checkpoints at its start, beside the calls and at its end."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import organisation as org
from grantd_server.audit.checkpoint import Checkpoint, opened
from grantd_server.audit.file_place import FilePlace
from grantd_server.keys.own.purpose import Purpose
from grantd_server.settings import SettingsError, load
from grantd_server.store import Withdrawal
from grantd_server.store.records.act import act
from grantd_server.telemetry.calls import Options, Telemetry
from grantd_server.wiring.build import build
from grantd_server.wiring.service import Service
from second_place import backed_up, put_back

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from grantd_server.wiring.parts import Parts


def settings_in(folder: Path, **checkpoints: Any) -> Any:
    document: dict[str, Any] = {
        "development": True,
        "grpc": {"listen": "127.0.0.1:0", "plaintext": "service"},
        "store": {"url": f"sqlite:///{folder}/grantd.db"},
        "keys": {"directory": f"{folder}/keys", "auto_create": True},
        "governance": {"directory": str(org.write(folder / "governance", org.bundle()))},
    }
    if checkpoints:
        document["audit"] = {"checkpoints": {"directory": str(folder / "second"), **checkpoints}}
    (folder / "grantd.yaml").write_text(yaml.safe_dump(document))
    return load(folder / "grantd.yaml", os.environ)


@dataclass
class Run:
    """A service that was started, and what it tells."""

    parts: Parts
    service: Service
    log: io.StringIO
    metrics: InMemoryMetricReader
    place: FilePlace

    def checkpoints(self) -> list[Checkpoint]:
        keys = self.parts.world.ring.keyset("", Purpose.CHECKPOINT)
        return [opened(line.raw, keys) for line in self.place.lines()]

    def metric(self, name: str) -> dict[str, float]:
        data = self.metrics.get_metrics_data()
        assert data is not None
        found = [metric for scope in data.resource_metrics[0].scope_metrics for metric in scope.metrics]
        (points,) = [metric.data.data_points for metric in found if metric.name == name]
        return {str(point.attributes.get("outcome", "")): point.value for point in points}

    async def until(self, holds: Any) -> None:
        async with asyncio.timeout(20):
            while not holds():  # noqa: ASYNC110 - the service tells nobody
                await asyncio.sleep(0.02)


@asynccontextmanager
async def started(folder: Path, **checkpoints: Any) -> AsyncIterator[Run]:
    (folder / "second").mkdir(exist_ok=True)
    settings = settings_in(folder, **checkpoints)
    log, reader = io.StringIO(), InMemoryMetricReader()
    telemetry = Telemetry(Options(), {}, stream=log, readers=[reader])
    parts = build(settings, telemetry)
    service = Service(parts, settings)
    try:
        await service.start()
        yield Run(parts, service, log, reader, FilePlace(folder / "second"))
    finally:
        await service.stop()
        telemetry.shutdown()


async def test_a_service_takes_checkpoints_at_its_start_at_an_interval_and_at_its_end(tmp_path: Path) -> None:
    async with started(tmp_path, interval=1) as run:
        await run.until(lambda: run.metric("grantd.checkpoints")["written"] >= 2)
        assert run.metric("grantd.checkpoints")["failed"] == 0
        assert 0 <= run.metric("grantd.checkpoint.age")[""] < 5
        await run.parts.world.store.withdraw(Withdrawal("client", "x", "test", None), act("Block", 1.0))
        written = (await run.parts.world.store.heads())[0].seq
    assert run.checkpoints()[-1].heads[0].seq == written, "what was written last is covered"
    assert [each.number for each in run.checkpoints()] == list(range(1, len(run.checkpoints()) + 1))
    assert "checkpoint" not in run.log.getvalue()


async def test_a_second_place_that_fails_stops_nothing_and_shows(tmp_path: Path) -> None:
    async with started(tmp_path, interval=1) as run:
        await run.until(run.checkpoints)
        shutil.rmtree(tmp_path / "second")
        await run.until(lambda: run.metric("grantd.checkpoints")["failed"])
        assert run.service.problem() == ""
        assert '"event":"checkpoint.missing"' in run.log.getvalue()
        assert run.metric("grantd.checkpoint.age")[""] > 0
        (tmp_path / "second").mkdir()
        await run.until(run.checkpoints)


async def test_a_database_that_went_back_is_told_of_at_the_start(tmp_path: Path) -> None:
    async with started(tmp_path, interval=60) as run:
        await run.until(run.checkpoints)
    older = backed_up(tmp_path / "grantd.db", tmp_path / "older.db")
    async with started(tmp_path, interval=60) as run:
        await run.parts.world.store.withdraw(Withdrawal("client", "x", "test", None), act("Block", 1.0))
    put_back(older, tmp_path / "grantd.db")

    async with started(tmp_path, interval=60) as run:
        await run.until(lambda: "checkpoint.behind" in run.log.getvalue())
        assert '"writers":["grantd"]' in run.log.getvalue()


async def test_a_last_checkpoint_that_is_not_ours_is_told_of(tmp_path: Path) -> None:
    async with started(tmp_path, interval=60) as run:
        await run.until(run.checkpoints)
    for file in (tmp_path / "keys").glob("checkpoint.*"):
        file.unlink()

    async with started(tmp_path, interval=60) as run:
        await run.until(lambda: "checkpoint.foreign" in run.log.getvalue())


async def test_without_a_second_place_the_log_says_so(tmp_path: Path) -> None:
    async with started(tmp_path) as run:
        assert '"level":"warning","event":"checkpoints.off"' in run.log.getvalue()
        assert run.metric("grantd.checkpoints") == {"written": 0, "failed": 0}


@pytest.mark.parametrize("interval", [None, 10])
def test_a_second_place_needs_a_key(tmp_path: Path, interval: int | None) -> None:
    (tmp_path / "second").mkdir()
    chosen = {} if interval is None else {"interval": interval}
    settings = settings_in(tmp_path)
    parts = build(settings, Telemetry(Options(), {}, stream=io.StringIO()))
    asyncio.run(parts.world.store.close())
    settings = settings_in(tmp_path, **chosen).model_copy(
        update={"keys": settings.keys.model_copy(update={"auto_create": False})}
    )

    try:
        asyncio.run(build(settings, Telemetry(Options(), {}, stream=io.StringIO())).world.store.close())
        told: tuple[str, ...] = ()
    except SettingsError as refused:
        told = refused.problems

    need = ("There is no checkpoint key; make one with `grantd keys create --purpose checkpoint`.",)
    assert told == (() if interval is None else need)
