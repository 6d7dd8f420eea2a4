"""What runs beside the calls: keys that rotate by age, the directory that is followed."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import organisation as org
from grantd_server.keys.foreign.client_documents import ClientDocuments
from grantd_server.keys.foreign.fetch import Fetcher
from grantd_server.keys.foreign.remote import RemoteKeys
from grantd_server.model.bundle.governed import KeySource
from grantd_server.settings import SettingsError, load
from grantd_server.wiring.build import build, telemetry_of
from grantd_server.wiring.service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from grantd_server.settings.model import Settings
    from grantd_server.world import World

DAY = 86_400


def settings_in(folder: Path, **keys: Any) -> Settings:
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


@asynccontextmanager
async def started(settings: Settings) -> AsyncIterator[tuple[Service, World]]:
    """A service until the end of the block, and what it decides with."""
    telemetry = telemetry_of(settings)
    parts = build(settings, telemetry)
    service = Service(parts, settings)
    await service.start()
    try:
        yield service, parts.world
    finally:
        await service.stop()
        telemetry.shutdown()


@pytest.mark.req("E-18", "G-37")
@pytest.mark.parametrize("rotate", [True, False])
async def test_keys_rotate_by_age_where_that_is_on(tmp_path: Path, rotate: bool) -> None:
    async with started(settings_in(tmp_path, rotate=rotate)) as (service, world):
        before = world.ring.public_keys(org.SERVER)
        world.clock = lambda: time.time() + 30 * DAY
        steps = service._turn_keys()
        after = world.ring.public_keys(org.SERVER)
        assert bool(steps) is rotate
        assert len(after) == len(before) + rotate, "the successor is published before it signs"
        world.clock = lambda: time.time() + 30 * DAY + 3600
        assert any(step.startswith("activated") for step in service._turn_keys()) is rotate


async def test_a_changed_directory_is_taken_up_and_a_broken_one_keeps_the_old(tmp_path: Path) -> None:
    async with started(settings_in(tmp_path)) as (service, world):
        first = world.snapshot
        assert first is not None
        assert service.problem() == ""
        document = org.bundle()
        document["grants"]["grants"][0]["scopes"] = ["shared:read"]
        org.write(tmp_path / "governance", document)
        await _until(lambda: world.snapshot is not first)
        second = world.snapshot
        assert second is not None
        assert second.epoch == first.epoch + 1
        told: list[str] = []
        service._tell = lambda _level, event, **_fields: told.append(event)  # type: ignore[method-assign]
        (tmp_path / "governance" / "organisation.yaml").write_text("grants: {nonsense: 1}\n")
        await _until(lambda: "governance.kept" in told)
        assert world.snapshot is second
        assert service.problem() == ""


POLICY_TEST = """
people: {engineer: {provider: corp, groups: [eng], roles: []}}
client: desk
tests: [{name: engineers share, who: engineer, resource: tickets, expect: {"shared:read": %s}}]
"""


def sharing(folder: Path, verdict: str) -> None:
    file = folder / "governance" / "tests" / "sharing.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(POLICY_TEST % verdict)


async def test_a_directory_whose_policy_tests_fail_is_not_put_in_force(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    sharing(tmp_path, "no")
    with pytest.raises(SettingsError) as refused:
        async with started(settings):
            pass
    place = "tests/sharing.yaml:4:"
    assert [problem[: len(place)] for problem in refused.value.problems] == [place]
    assert "engineers share" in refused.value.problems[0]

    sharing(tmp_path, "yes")
    async with started(settings) as (service, world):
        first = world.snapshot
        told: list[str] = []
        service._tell = lambda _level, event, **_fields: told.append(event)  # type: ignore[method-assign]
        sharing(tmp_path, "no")
        document = org.bundle()
        document["grants"]["grants"][0]["description"] = "another version"
        org.write(tmp_path / "governance", document)
        await _until(lambda: "governance.kept" in told)
        assert world.snapshot is first


async def test_what_is_in_force_starts_again_whatever_its_policy_tests_say_today(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    async with started(settings):
        pass
    sharing(tmp_path, "no")
    async with started(settings) as (_, world):
        assert world.snapshot is not None
        assert world.snapshot.epoch == 1


async def test_stopping_ends_the_fetches_under_way(tmp_path: Path) -> None:
    asked: list[str] = []

    async def silent(host: str, port: int) -> list[str]:
        asked.append(host)
        await asyncio.Event().wait()
        return []

    async with started(settings_in(tmp_path)) as (_, world):
        fetcher, algorithms = Fetcher(resolve=silent), frozenset({"ES256"})
        world.remote = RemoteKeys(fetcher, time.monotonic)
        world.documents = ClientDocuments(fetcher, time.monotonic)
        source = KeySource(jwks_uri="https://keys.example/keys")
        fetches = [
            asyncio.create_task(world.remote.keyset("https://keys.example", source, algorithms, None)),
            asyncio.create_task(world.documents.read("https://agent.example/client.json", algorithms, None)),
        ]
        await _until(lambda: len(asked) == len(fetches))
    ended = await asyncio.gather(*fetches, return_exceptions=True)
    assert [type(each) for each in ended] == [asyncio.CancelledError, asyncio.CancelledError]


async def _until(holds: Any) -> None:
    """Waits for something that the service does by itself, bounded by the test's limit."""
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - the service tells nobody
            await asyncio.sleep(0.05)
