"""Reading decisions back, over SQLite files."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("store_contract_decided")

from grantd_server.store.sqlite.store import SqliteStore  # noqa: E402 after the rewrite
from store_contract_decided import *  # noqa: E402, F403 the whole contract is collected here


@pytest.fixture
async def open_store(tmp_path):
    stores = []

    def opened(**settings):
        stores.append(SqliteStore.open(tmp_path / "grantd.db", **settings))
        return stores[-1]

    yield opened
    for store in stores:
        await store.close()
