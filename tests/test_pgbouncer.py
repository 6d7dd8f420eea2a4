"""The store contract through PgBouncer in transaction mode: every transaction on whatever
connection is free. Needs the program `pgbouncer`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from patience_ import listens, stopwatch

pytest.register_assert_rewrite("store_contract", "store_contract_bound")

import postgres_  # noqa: E402 after the rewrite
from grantd_server.store import Committed  # noqa: E402 after the rewrite
from grantd_server.store.postgres.connection.link import Place  # noqa: E402 after the rewrite
from grantd_server.store.postgres.store import PostgresStore  # noqa: E402 after the rewrite
from store_contract import *  # noqa: E402, F403 the whole contract is collected here
from store_contract_bound import *  # noqa: E402, F403 the same
from store_values import tombstone, write  # noqa: E402 after the rewrite
from stores_ import closed_in_the_end  # noqa: E402 after the rewrite

if TYPE_CHECKING:
    from collections.abc import Iterator

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")


@pytest.fixture(scope="module")
def pooler(migrated: postgres_.Server) -> Iterator[int]:
    """The port of a PgBouncer before the shared server, two connections for a database."""
    folder = migrated.folder.parent / "pooler"
    folder.mkdir()
    port = postgres_.free_port()
    (folder / "users").write_text('"grantd" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={migrated.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = trust\nauth_file = {folder}/users\npool_mode = transaction\ndefault_pool_size = 2\n"
        "server_idle_timeout = 1\nmax_client_conn = 200\n"
    )
    account = postgres_._account()
    if account:
        for path in (folder, *folder.iterdir()):
            os.chown(path, account["user"], account["group"])
    process = subprocess.Popen(
        [str(PGBOUNCER), "-q", str(folder / "pgbouncer.ini")], cwd=folder, stderr=subprocess.DEVNULL, **account
    )
    try:
        postgres_.until(lambda: _answers(migrated, port), "PgBouncer to start")
        yield port
    finally:
        process.terminate()
        process.wait(postgres_.LONGEST)


def _answers(server: postgres_.Server, port: int) -> bool:
    with contextlib.suppress(subprocess.CalledProcessError):
        server.installation.run("psql", "-c", "SELECT 1", f"postgresql://grantd@127.0.0.1:{port}/postgres", cwd="/")
        return True
    return False


@pytest.fixture
def pooled(database: str, pooler: int) -> str:
    """The address of the test's database through the pooler."""
    return f"postgresql://grantd@127.0.0.1:{pooler}/{database.rpartition('/')[2]}"


@pytest.fixture
async def open_store(pooled: str):
    def opened(*, writer="grantd", **settings):
        return PostgresStore(Place(pooled, pooled=True), writer=writer, **settings)

    async with closed_in_the_end(opened) as open_one:
        yield open_one


async def test_transactions_of_many_stores_share_two_connections(open_store, migrated, pooled):
    stores = [open_store(writer=f"w{number}") for number in range(8)]
    outcomes = await asyncio.gather(
        *(store.write(write(f"d{number}-{turn}")) for number, store in enumerate(stores) for turn in range(10))
    )
    assert outcomes == [Committed()] * 80
    name = pooled.rpartition("/")[2]
    ((count,),) = migrated.ask(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'")
    assert int(count) <= 2


async def test_a_wake_up_goes_past_the_pooler(open_store, database):
    listening = open_store(wake=Place(database))
    await listens(listening)
    async with stopwatch() as watch:
        waiting = asyncio.create_task(listening.changed(20))
        await open_store(writer="other").write(write("r1", tombstones=(tombstone("t1"),)))
        await waiting
    assert watch.seconds < 5
