"""What both stores answer to those who explain."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("store_contract_questions")

from grantd_server.store.postgres.connection.link import Place  # noqa: E402 after the rewrite
from grantd_server.store.postgres.store import PostgresStore  # noqa: E402 after the rewrite
from grantd_server.store.sqlite.store import SqliteStore  # noqa: E402 after the rewrite
from store_contract_questions import *  # noqa: E402, F403 the whole contract is collected here


@pytest.fixture(params=["sqlite", "postgresql"])
async def open_store(request, tmp_path, database):
    stores = []

    def opened(writer="grantd"):
        if request.param == "sqlite":
            stores.append(SqliteStore.open(tmp_path / "grantd.db", writer=writer))
        else:
            stores.append(PostgresStore(Place(database), writer=writer))
        return stores[-1]

    yield opened
    for store in stores:
        await store.close()
