"""Records in PostgreSQL are checkpointed, exported, pruned and verified as those of a file."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from typer.testing import CliRunner

from grantd_server.cli.app import app
from grantd_server.store.postgres.connection.link import Place
from grantd_server.store.postgres.store import PostgresStore
from grantd_server.wiring.checkpoints import checkpointer
from second_place import BEGAN, ring_in
from store_values import write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, database: str) -> Run:
    """Two writers with three records each under a checkpoint, and a fourth after it."""
    _, ring = ring_in(tmp_path / "keys")
    (tmp_path / "second").mkdir()

    async def fill() -> None:
        stores = [PostgresStore(Place(database), writer=writer) for writer in ("one", "two")]
        for store in stores:
            await store.start()
            for number in range(3):
                await store.write(write(f"{stores.index(store)}-{number}"))
        await checkpointer(tmp_path / "second", stores[0], ring, lambda: BEGAN).take()
        for store in stores:
            await store.write(write(f"{stores.index(store)}-after"))
            await store.close()

    asyncio.run(fill())
    (tmp_path / "grantd.yaml").write_text(
        f"store: {{url: '{database}'}}\nkeys: {{directory: keys}}\naudit: {{checkpoints: {{directory: second}}}}\n"
    )

    def _run(*arguments: object, code: int = 0) -> str:
        environ = {"GRANTD_CONFIG": str(tmp_path / "grantd.yaml")}
        found = CliRunner(env=environ).invoke(app, [str(each) for each in arguments])
        assert found.exit_code == code, found.output
        return str(found.output)

    return _run


def changed(database: str, statement: str) -> None:
    async def change() -> None:
        raw = await asyncpg.connect(database)
        await raw.execute(statement)
        await raw.close()

    asyncio.run(change())


@pytest.mark.hostile("L06")
@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE records SET client = 'x' WHERE id = '0-1'", "writer one: 4 rows, 1 to 4: row 2: edited"),
        ("DELETE FROM records WHERE id = '0-1'", "writer one: 3 rows, 1 to 4: row 3: missing: 1 row before it"),
        (
            "DELETE FROM records WHERE writer = 'two'",
            "writer two: no rows: cut: the rows from 1 to 4 are missing, which the table",
        ),
        (
            "DELETE FROM records WHERE id = '1-after'",
            "writer two: 3 rows, 1 to 3: cut: the rows from 4 to 4 are missing",
        ),
    ],
)
def test_what_was_done_to_records_in_postgresql_is_found(run: Run, database: str, statement: str, found: str) -> None:
    assert "ok     writer two: 4 rows, 1 to 4, hold" in run("audit", "verify")
    changed(database, statement)
    assert f"WRONG  {found}" in run("audit", "verify", code=1)


def test_records_of_postgresql_are_exported_pruned_and_verified(run: Run, database: str, tmp_path: Path) -> None:
    assert "8 records are in" in run("audit", "export", tmp_path / "export.jsonl")
    assert "everything that can be proven holds" in run("audit", "verify", "--records", tmp_path / "export.jsonl")
    changed(database, "UPDATE records SET day = day - 9 WHERE writer = 'one' AND seq <= 2")

    assert "checkpoint 2 says so" in run("db", "prune", "--keep", "3")

    assert "ok     writer one: 2 rows, 3 to 4, hold" in run("audit", "verify")
