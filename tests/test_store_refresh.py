"""The part of the store contract that is about refresh tokens, over SQLite files."""

from __future__ import annotations

import sqlite3

import pytest

pytest.register_assert_rewrite("store_contract_refresh")

from alembic import command  # noqa: E402 after the rewrite

from grantd_server.store import migrations  # noqa: E402 after the rewrite
from grantd_server.store.migrations.connecting import connected  # noqa: E402 after the rewrite
from grantd_server.store.schema import SchemaMismatch  # noqa: E402 after the rewrite
from grantd_server.store.sqlite.store import SqliteStore  # noqa: E402 after the rewrite
from store_contract_refresh import *  # noqa: E402, F403 the whole contract is collected here
from store_values import digest, kept, write  # noqa: E402 after the rewrite
from stores_ import closed_in_the_end  # noqa: E402 after the rewrite


@pytest.fixture
async def open_store(tmp_path):
    def opened(**settings):
        return SqliteStore.open(tmp_path / "grantd.db", **settings)

    async with closed_in_the_end(opened) as open_one:
        yield open_one


async def test_a_file_of_the_first_release_is_refused_until_it_is_migrated_and_loses_nothing(tmp_path):
    path = tmp_path / "grantd.db"

    def first_release(connection):
        config = migrations._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")

    connected(f"sqlite:///{path}", first_release)
    with sqlite3.connect(path) as raw:
        raw.execute("INSERT INTO bundles VALUES ('b1', x'7b7d', 'ada', 'why', 1)")
    with pytest.raises(SchemaMismatch, match="grantd db upgrade"):
        SqliteStore.open(path)

    migrations.upgrade(f"sqlite:///{path}")

    store = SqliteStore.open(path)
    await store.write(write("d1", refresh_tokens=(kept(),)))
    assert await store.refresh_token(digest("one")) == kept()
    await store.close()
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT version FROM bundles").fetchall() == [("b1",)]
