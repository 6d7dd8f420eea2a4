"""Reading decisions back, over SQLite files."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("store_contract_decided")

from grantd_server.store.sqlite.store import SqliteStore  # noqa: E402 after the rewrite
from store_contract_decided import *  # noqa: E402, F403 the whole contract is collected here
from stores_ import closed_in_the_end  # noqa: E402 after the rewrite


@pytest.fixture
async def open_store(tmp_path):
    def opened(**settings):
        return SqliteStore.open(tmp_path / "grantd.db", **settings)

    async with closed_in_the_end(opened) as open_one:
        yield open_one
