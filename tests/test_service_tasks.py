"""What runs beside the calls: keys that rotate by age, the directory that is followed."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import organisation as org
from grantd_server.keys.client_documents import ClientDocuments
from grantd_server.keys.fetch import Fetcher
from grantd_server.keys.remote import RemoteKeys
from grantd_server.model.governed import KeySource
from grantd_server.settings import load
from grantd_server.wiring.build import build, telemetry_of
from grantd_server.wiring.service import Service

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400


def settings_in(folder: Path, **keys: Any) -> Any:
    document = {
        "development": True,
        "grpc": {"listen": "127.0.0.1:0", "plaintext": "service"},
        "http": {"listen": "127.0.0.1:0"},
        "store": {"url": f"sqlite:///{folder}/grantd.db"},
        "keys": {"directory": f"{folder}/keys", "auto_create": True, "poll": 0.1, **keys},
        "governance": {"directory": str(org.write(folder / "governance", org.bundle())), "poll": 0.1},
    }
    (folder / "grantd.yaml").write_text(yaml.safe_dump(document))
    return load(folder / "grantd.yaml", os.environ)


@pytest.mark.req("E-18", "G-37")
@pytest.mark.parametrize("rotate", [True, False])
async def test_keys_rotate_by_age_where_that_is_on(tmp_path: Path, rotate: bool) -> None:
    settings = settings_in(tmp_path, rotate=rotate)
    telemetry = telemetry_of(settings)
    parts = build(settings, telemetry)
    service = Service(parts, settings)
    await service.start()
    try:
        before = parts.world.ring.public_keys(org.SERVER)
        parts.world.clock = lambda: time.time() + 30 * DAY
        steps = service._turn_keys()
        after = parts.world.ring.public_keys(org.SERVER)
        assert bool(steps) is rotate
        assert len(after) == len(before) + rotate, "the successor is published before it signs"
        parts.world.clock = lambda: time.time() + 30 * DAY + 3600
        assert any(step.startswith("activated") for step in service._turn_keys()) is rotate
    finally:
        await service.stop()
        telemetry.shutdown()


async def test_a_changed_directory_is_taken_up_and_a_broken_one_keeps_the_old(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    telemetry = telemetry_of(settings)
    parts = build(settings, telemetry)
    service = Service(parts, settings)
    await service.start()
    try:
        first = parts.world.snapshot
        assert first is not None
        assert service.problem() == ""
        document = org.bundle()
        document["grants"]["grants"][0]["scopes"] = ["shared:read"]
        org.write(tmp_path / "governance", document)
        await _until(lambda: parts.world.snapshot is not first)
        second = parts.world.snapshot
        assert second is not None
        assert second.epoch == first.epoch + 1
        told: list[str] = []
        service._tell = lambda _level, event, **_fields: told.append(event)  # type: ignore[method-assign]
        (tmp_path / "governance" / "organisation.yaml").write_text("grants: {nonsense: 1}\n")
        await _until(lambda: "governance.kept" in told)
        assert parts.world.snapshot is second
        assert service.problem() == ""
    finally:
        await service.stop()
        telemetry.shutdown()


async def test_stopping_ends_the_fetches_under_way(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    telemetry = telemetry_of(settings)
    parts = build(settings, telemetry)
    service = Service(parts, settings)
    await service.start()
    asked: list[str] = []

    async def silent(host: str, port: int) -> list[str]:
        asked.append(host)
        await asyncio.Event().wait()
        return []

    fetcher, algorithms = Fetcher(resolve=silent), frozenset({"ES256"})
    parts.world.remote = RemoteKeys(fetcher, time.monotonic)
    parts.world.documents = ClientDocuments(fetcher, time.monotonic)
    source = KeySource(jwks_uri="https://keys.example/keys")
    fetches = [
        asyncio.create_task(parts.world.remote.keyset("https://keys.example", source, algorithms, None)),
        asyncio.create_task(parts.world.documents.read("https://agent.example/client.json", algorithms, None)),
    ]
    await _until(lambda: len(asked) == len(fetches))
    await service.stop()
    ended = await asyncio.gather(*fetches, return_exceptions=True)
    telemetry.shutdown()
    assert [type(each) for each in ended] == [asyncio.CancelledError, asyncio.CancelledError]


async def _until(holds: Any) -> None:
    """Waits for something that the service does by itself, bounded by the test's limit."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - the service tells nobody
            await asyncio.sleep(0.05)
