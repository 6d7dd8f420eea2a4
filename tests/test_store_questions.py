"""What both stores answer to those who explain."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("store_contract_questions")

from grantd_server.store.postgres.connection.link import Place  # noqa: E402 after the rewrite
from grantd_server.store.postgres.store import PostgresStore  # noqa: E402 after the rewrite
from grantd_server.store.sqlite.store import SqliteStore  # noqa: E402 after the rewrite
from store_contract_questions import *  # noqa: E402, F403 the whole contract is collected here
from stores_ import closed_in_the_end  # noqa: E402 after the rewrite


@pytest.fixture(params=["sqlite", "postgresql"])
async def open_store(request, tmp_path, database):
    def opened(*, writer="grantd"):
        if request.param == "sqlite":
            return SqliteStore.open(tmp_path / "grantd.db", writer=writer)
        return PostgresStore(Place(database), writer=writer)

    async with closed_in_the_end(opened) as open_one:
        yield open_one
