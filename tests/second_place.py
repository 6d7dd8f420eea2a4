"""Test support: records in a file, a ring with a checkpoint key, a second place."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grantd_server.audit.file_place import FilePlace
from grantd_server.keys.own.files import KeyDirectory
from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.ring import KeyRing, Needed
from grantd_server.keys.own.rotation import Rotation, Schedule
from grantd_server.store.sqlite.store import SqliteStore
from grantd_server.wiring.checkpoints import checkpointer
from store_values import write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from grantd_server.audit.checkpointer import Checkpointer

BEGAN = 1_700_000_000
KEY = Needed("", Purpose.CHECKPOINT, "ES256")


@dataclass
class Audited:
    """A store whose records are checkpointed, under a clock of the test's own."""

    folder: Path
    store: SqliteStore
    rotation: Rotation
    ring: KeyRing
    taking: Checkpointer
    place: FilePlace
    now: list[float] = field(default_factory=lambda: [float(BEGAN)])
    written: int = 0

    async def records(self, count: int, writer: SqliteStore | None = None) -> None:
        for _ in range(count):
            self.written += 1
            row = {"time_us": int(self.now[0] * 1_000_000)}
            await (writer or self.store).write(write(f"d{self.written:04}", columns=row))

    async def checkpoint(self, after: float = 10) -> None:
        self.now[0] += after
        assert await self.taking.take() is not None


def ring_in(folder: Path) -> tuple[Rotation, KeyRing]:
    """A key directory with a checkpoint key."""
    keys = KeyDirectory(folder)
    keys.make()
    rotation = Rotation(keys, Schedule())
    rotation.ensure([KEY], BEGAN)
    return rotation, KeyRing(keys)


@asynccontextmanager
async def audited(folder: Path) -> AsyncIterator[Audited]:
    rotation, ring = ring_in(folder / "keys")
    (folder / "second").mkdir()
    store = SqliteStore.open(folder / "grantd.db")
    now = [float(BEGAN)]
    taking = checkpointer(folder / "second", store, ring, lambda: now[0])
    try:
        yield Audited(folder, store, rotation, ring, taking, FilePlace(folder / "second"), now)
    finally:
        await store.close()


def backed_up(file: Path, to: Path) -> Path:
    """A copy as `sqlite3 .backup` makes it."""
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(to)) as copy:
        source.backup(copy)
    return to


def put_back(copy: Path, file: Path) -> None:
    """Restores a copy: the log of the newer state must not be played into it."""
    for left in file.parent.glob(f"{file.name}-*"):
        left.unlink()
    file.write_bytes(copy.read_bytes())
