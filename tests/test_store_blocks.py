"""Who blocked something is told of the block that is there, also where releases without authors write."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import asyncpg
import pytest

from grantd_server.store.live_state import Withdrawal
from grantd_server.store.postgres.connection.link import Place
from grantd_server.store.postgres.store import PostgresStore
from grantd_server.store.sqlite.store import SqliteStore
from store_values import entry

OLDER = "UPDATE withdrawals SET reason = 'theirs', written = written + 5"
"""What a release of schema 0005 does to a block that is there."""


async def of_an_older_release(kind: str, address: Any) -> None:
    if kind == "sqlite":
        with closing(sqlite3.connect(address)) as connection, connection:
            connection.execute(OLDER)
        return
    connection = await asyncpg.connect(address)
    await connection.execute(OLDER)
    await connection.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_an_author_is_told_until_a_release_without_authors_blocks_anew(kind, tmp_path, database):
    address = tmp_path / "grantd.db" if kind == "sqlite" else database
    store = SqliteStore.open(address) if kind == "sqlite" else PostgresStore(Place(address), writer="grantd")

    async def told() -> list[tuple[str, str]]:
        return [(each.reason, each.author) for each in (await store.live_state(0)).withdrawals]

    await store.withdraw(Withdrawal("client", "desk", "ours", None, "ada"), entry("d1"))
    assert await told() == [("ours", "ada")]
    await of_an_older_release(kind, address)
    assert await told() == [("theirs", "")]
    await store.withdraw(Withdrawal("client", "desk", "ours again", None, "bob"), entry("d2"))
    assert await told() == [("ours again", "bob")]
    await store.close()
