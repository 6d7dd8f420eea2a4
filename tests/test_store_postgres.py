"""The store contract over PostgreSQL, and what is PostgreSQL's own."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "store_contract",
    "store_contract_bound",
    "store_contract_decided",
    "store_contract_governed",
    "store_contract_refresh",
)

from grantd_server.store.postgres.connection.link import Place  # noqa: E402 after the rewrite
from grantd_server.store.postgres.store import PostgresStore  # noqa: E402 after the rewrite
from store_contract import *  # noqa: E402, F403 the whole contract is collected here
from store_contract_bound import *  # noqa: E402, F403 the same
from store_contract_decided import *  # noqa: E402, F403 the same
from store_contract_governed import *  # noqa: E402, F403 the same
from store_contract_refresh import *  # noqa: E402, F403 the same
from stores_ import closed_in_the_end  # noqa: E402 after the rewrite


@pytest.fixture
async def open_store(database: str):
    def opened(*, writer="grantd", pooled=False, **settings):
        return PostgresStore(Place(database, pooled), writer=writer, **settings)

    async with closed_in_the_end(opened) as open_one:
        yield open_one
