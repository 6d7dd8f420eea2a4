"""A bundle is compiled when it is stored, so that nobody waits when it is put in force."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from grantd_server.governance.activation import ahead
from grantd_server.governance.activation.active import ActiveBundle
from grantd_server.governance.activation.ahead import KEEP, Ahead, lead, put_ahead
from grantd_server.governance.document import canonical, version_of
from grantd_server.governance.faults import BundleError
from house import House, act, running

if TYPE_CHECKING:
    from pathlib import Path

    from grantd_server.governance.snapshot import Snapshot


def bundle(scope: str) -> bytes:
    document = org.bundle()
    document["grants"]["grants"][0]["scopes"] = [scope]
    return canonical(document)


SECOND = bundle("tickets:write")


class Counting:
    """Compiles as the service does, and counts."""

    def __init__(self, house: House) -> None:
        self.real = house.parts.active._compile
        self.epochs: list[int] = []
        self.fault: Exception | None = None

    def __call__(self, document: bytes, epoch: int) -> Snapshot:
        self.epochs.append(epoch)
        if self.fault is not None:
            raise self.fault
        return self.real(document, epoch)


async def stored(house: House, document: bytes) -> str:
    version = version_of(document)
    await put_ahead(house.store, version, document, "test", "")
    return version


async def looking(house: House) -> tuple[Ahead, Counting]:
    """A process that has looked once."""
    compiling = Counting(house)
    found = Ahead(house.store, compiling)
    await found.look()
    return found, compiling


async def test_what_is_stored_after_the_first_look_is_ready_once_it_is_in_force(tmp_path: Path) -> None:
    async with running(tmp_path, org.bundle()) as house:
        preparing, compiling = await looking(house)
        assert compiling.epochs == [], "what was there before is not prepared"
        version = await stored(house, SECOND)
        await preparing.look()
        await preparing.look()
        assert compiling.epochs == [0], "once"
        snapshot = preparing.take(version, 7)
        assert snapshot is not None
        assert (snapshot.version, snapshot.epoch) == (version, 7)
        assert preparing.take(version, 8) is None, "it is used once"


async def test_another_version_takes_its_place_and_none_is_taken_for_another(tmp_path: Path) -> None:
    async with running(tmp_path, org.bundle()) as house:
        preparing, _ = await looking(house)
        version = await stored(house, SECOND)
        await preparing.look()
        assert preparing.take("another", 7) is None
        assert preparing.take(version, 7) is None, "somebody rolled back: this one is of the past"


async def test_what_was_not_put_in_force_soon_is_compiled_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(ahead, "_now", lambda: now[0])
    async with running(tmp_path, org.bundle()) as house:
        preparing, _ = await looking(house)
        version = await stored(house, SECOND)
        await preparing.look()
        now[0] += KEEP + 1
        assert preparing.take(version, 7) is None
        await stored(house, bundle("shared:read"))
        await preparing.look()
        now[0] += KEEP + 1
        await preparing.look()
        assert preparing._ready is None, "nor does it take memory"


async def test_what_cannot_be_compiled_is_not_tried_again_and_again(tmp_path: Path) -> None:
    async with running(tmp_path, org.bundle()) as house:
        preparing, compiling = await looking(house)
        compiling.fault = BundleError([])
        version = await stored(house, SECOND)
        await preparing.look()
        await preparing.look()
        assert compiling.epochs == [0]
        assert preparing.take(version, 7) is None


async def test_a_process_takes_what_it_has_ready_into_use(tmp_path: Path) -> None:
    async with running(tmp_path, org.bundle()) as house:
        compiling, used = Counting(house), []
        parts = house.parts
        active = ActiveBundle(house.store, parts.world.view, compiling, lambda _: [], used.append)
        await active.catch_up()
        following = asyncio.create_task(active.run())
        try:
            await until(lambda: active._ahead._seen)
            version = await stored(house, SECOND)
            await until(lambda: active._ahead._ready)
            before = list(compiling.epochs)
            epoch = await house.store.activate(version, active.epoch, act())
            await active.catch_up()
        finally:
            following.cancel()
        assert [(each.version, each.epoch) for each in used[1:]] == [(version, epoch)]
        assert compiling.epochs == before, "nothing was compiled when it came into force"


async def until(holds: Any) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - it is another task's
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("size", "seconds"), [(0, 0), (199_999, 0), (200_000, 1.9), (1_500_000, 4.5), (10**9, 20)])
def test_only_a_large_bundle_is_given_time(size: int, seconds: float) -> None:
    assert lead(size) == pytest.approx(seconds)
