"""A disk that is full: calls are refused and use nothing up, and go on when there is room again."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from grantd_server.audit.chain import verify
from grantd_server.store import Committed, StoreUnavailable
from grantd_server.store.postgres.connection.link import Place
from grantd_server.store.postgres.store import PostgresStore
from postgres_ import NOBODY
from store_values import mark, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postgres_ import Server

SPACE = 48 * 2**20
MOST = 400
"""Writes after which a table must have needed another page."""


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A small file system of its own."""
    folder = Path("/tmp") / f"grantd-disk-{os.getpid()}"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={SPACE}", "tmpfs", str(folder)]
    try:
        if os.geteuid() != 0 or subprocess.run(mounting, check=False, capture_output=True).returncode != 0:
            pytest.skip("needs `mount`, and an account that may mount a small tmpfs")
        (folder / "space").mkdir()
        os.chown(folder / "space", NOBODY, NOBODY)
        yield folder
        subprocess.run(["umount", "-l", str(folder)], check=True)
    finally:
        folder.rmdir()


async def filled(store: PostgresStore, kept: list[str]) -> None:
    """Writes until a table needs another page."""
    for number in range(1, MOST):
        await store.write(write(f"d{number}", mark(f"jti-{number}")))
        kept.append(f"d{number}")


@pytest.mark.req("B-22")
@pytest.mark.hostile("I11")
async def test_a_full_disk_refuses_uses_nothing_up_and_is_over_when_there_is_room(
    migrated: Server, small_disk: Path
) -> None:
    migrated.ask(f"CREATE TABLESPACE small LOCATION '{small_disk}/space'")
    migrated.ask("CREATE DATABASE full_one TEMPLATE grantd_template TABLESPACE small")
    store = PostgresStore(Place(migrated.url("full_one")), writer="w")
    try:
        assert await store.write(write("d0", mark("jti-0"))) == Committed()
        ballast = small_disk / "ballast"
        with ballast.open("wb") as file:
            file.write(bytes(shutil.disk_usage(small_disk).free))
        kept: list[str] = []
        with pytest.raises(StoreUnavailable, match="53100"):
            await filled(store, kept)
        refused = len(kept) + 1
        ballast.unlink()
        assert await store.write(write("again", mark(f"jti-{refused}"))) == Committed(), "it was not used up"
        rows = [row async for row in store.history()]
        assert verify(rows) is None
        assert [row.entry.id for row in rows] == ["d0", *kept, "again"]
    finally:
        await store.close()
        migrated.ask("DROP DATABASE full_one WITH (FORCE)")
        migrated.ask("CHECKPOINT")
        migrated.ask("DROP TABLESPACE small")
