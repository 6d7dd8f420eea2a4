"""`grantd db` on PostgreSQL, and the commands that open one: schema, gate, two at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
import yaml
from typer.testing import CliRunner

import organisation as org
import postgres_
from grantd_server.cli.app import app
from grantd_server.store import StoreUnavailable, migrations
from grantd_server.store.migrations import connecting
from grantd_server.store.opening import Opening
from grantd_server.store.postgres.connection.link import Place
from grantd_server.store.postgres.locks import MIGRATION, SPACE
from grantd_server.store.postgres.store import PostgresStore
from grantd_server.store.schema import REVISION, SchemaMismatch
from grantd_server.store.upgrading import upgrade_database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def empty(server: postgres_.Server) -> Iterator[str]:
    """The address of a database without a table."""
    name = server.new_database()
    yield server.url(name)
    server.drop_database(name)


@pytest.fixture
def ask(server: postgres_.Server, empty: str) -> Callable[[str], list[list[str]]]:
    return lambda statement: server.ask(statement, database=empty.rpartition("/")[2])


def test_models_and_migrations_agree(empty: str, ask: Callable[[str], Any]) -> None:
    migrations.upgrade(empty)
    assert migrations.check(empty) == []
    ask("ALTER TABLE records ADD COLUMN surprise text")
    assert migrations.check(empty) != []


@pytest.mark.hostile("F15")
def test_two_replicas_that_migrate_at_once_leave_one_schema(empty: str, ask: Callable[[str], Any]) -> None:
    with ThreadPoolExecutor(3) as threads:
        done = [threads.submit(upgrade_database, Opening(empty, "w")) for _ in range(3)]
        assert [each.result() for each in done] == [REVISION] * 3
    assert ask("SELECT version_num FROM alembic_version") == [[REVISION]]
    assert ask("SELECT count(*) FROM epochs") == [["1"]]
    (days,) = ask("SELECT count(*) FROM pg_inherits WHERE inhparent = 'records'::regclass")
    assert int(days[0]) >= 8, "today, the days to come, and the rest"


def test_a_migration_that_does_not_end_is_not_waited_for_for_ever(
    server: postgres_.Server, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "_PATIENCE", 0.2)

    async def held() -> None:
        other = await asyncpg.connect(empty)
        try:
            async with other.transaction():
                await other.execute(f"SELECT pg_advisory_xact_lock({SPACE}, {MIGRATION})")
                with ThreadPoolExecutor(1) as thread, pytest.raises(StoreUnavailable, match="SQLSTATE 55P03"):
                    thread.submit(upgrade_database, Opening(empty, "w")).result()
        finally:
            await other.close()

    import asyncio  # noqa: PLC0415 - the other tests here run no loop

    asyncio.run(held())


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("UPDATE alembic_version SET version_num = '0999'", "0999"),
        ("DROP TABLE alembic_version", None),
    ],
)
async def test_another_schema_stops_the_start_and_is_left_alone(
    server: postgres_.Server, database: str, change: str, found: str | None
) -> None:
    server.ask(change, database=database.rpartition("/")[2])
    store = PostgresStore(Place(database), writer="w")
    with pytest.raises(SchemaMismatch, match="grantd db upgrade") as mismatch:
        await store.start()
    assert mismatch.value.found == found
    await store.close()


async def test_this_release_s_schema_starts(database: str) -> None:
    store = PostgresStore(Place(database), writer="w")
    await store.start()
    await store.close()


def test_who_may_not_change_tables_is_told_so_by_sqlstate(server: postgres_.Server, empty: str) -> None:
    server.ask("CREATE ROLE nobody_here LOGIN PASSWORD 'hunter2'")
    try:
        theirs = empty.replace("grantd@", "nobody_here:hunter2@")
        with pytest.raises(StoreUnavailable, match=r"cannot be upgraded: SQLSTATE 42501\.$"):
            upgrade_database(Opening(theirs, "w"))
    finally:
        server.ask("DROP ROLE nobody_here")


def test_a_migration_goes_past_the_pooler(empty: str, ask: Callable[[str], Any]) -> None:
    pooler = f"postgresql://u@127.0.0.1:{postgres_.free_port()}/d"
    assert upgrade_database(Opening(pooler, "w", pooled=True, wake_url=empty)) == REVISION
    assert ask("SELECT version_num FROM alembic_version") == [[REVISION]]


def test_a_database_out_of_reach_is_told_without_its_address() -> None:
    address = f"postgresql://u:hunter2@127.0.0.1:{postgres_.free_port()}/d"
    with pytest.raises(StoreUnavailable, match="ConnectionRefusedError") as refused:
        upgrade_database(Opening(address, "w"))
    assert "hunter2" not in f"{refused.value!r}"


# commands


@pytest.fixture
def house(tmp_path: Path, empty: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    org.write(tmp_path / "governance", org.bundle())
    (tmp_path / "grantd.yaml").write_text(
        yaml.safe_dump(
            {
                "development": True,
                "replica": "eu-1",
                "store": {"url": empty},
                "keys": {"directory": "keys", "auto_create": True},
            }
        )
    )
    monkeypatch.setenv("GRANTD_CONFIG", str(tmp_path / "grantd.yaml"))
    return tmp_path


@pytest.fixture
def run(house: Path) -> Callable[..., Result]:
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_commands_on_a_database_without_a_schema_say_what_to_do(run: Callable[..., Result]) -> None:
    refused = run("block", "client", "cli_desk", "--reason", "stolen", "--unlisted")
    assert refused.exit_code == 2
    assert "run `grantd db upgrade`" in refused.stderr


def test_upgrade_block_explain_and_prune_work_as_on_a_file(
    run: Callable[..., Result], ask: Callable[[str], list[list[str]]]
) -> None:
    assert run("db", "upgrade").stdout == f"the database has schema {REVISION}\n"
    assert run("db", "upgrade").exit_code == 0
    assert run("block", "client", "cli_desk", "--reason", "stolen", "--unlisted").exit_code == 0
    ((decision_id, writer),) = ask("SELECT id, writer FROM records")
    assert writer == "eu-1/cli"
    explained = run("explain", decision_id, "--json")
    assert json.loads(explained.stdout)["facts"]["name"] == "cli_desk"
    kept = run("db", "prune", "--keep", 1)
    assert (kept.exit_code, kept.stdout) == (0, "there was nothing to prune\n")
    assert run("unblock", "client", "cli_desk", "--reason", "found").exit_code == 0


def test_a_database_out_of_reach_is_to_be_tried_again(house: Path, run: Callable[..., Result]) -> None:
    address = f"postgresql://u:hunter2@127.0.0.1:{postgres_.free_port()}/d"
    settings = yaml.safe_load((house / "grantd.yaml").read_text()) | {"store": {"url": address}}
    (house / "grantd.yaml").write_text(yaml.safe_dump(settings))
    for words in (("block", "client", "cli_desk", "--reason", "stolen", "--unlisted"), ("db", "upgrade")):
        refused = run(*words)
        assert refused.exit_code == 3
        assert "ConnectionRefusedError" in refused.stderr
        assert "hunter2" not in refused.output
