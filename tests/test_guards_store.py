"""Faults of the database file that no waiting mends."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from grantd_server.store import StoreUnavailable
from grantd_server.store.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_that_cannot_be_made_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be made"):
        SqliteStore.open(tmp_path / "no such folder" / "grantd.db")


async def test_a_read_that_can_never_succeed_is_not_tried_again(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "grantd.db")
    tried = []

    def read(_: sqlite3.Connection) -> None:
        tried.append(1)
        raise sqlite3.OperationalError("no such table: decisions")

    with pytest.raises(StoreUnavailable):
        await store._read(read)
    await store.close()

    assert len(tried) == 1
