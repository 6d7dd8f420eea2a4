"""Brings a database to the schema of this release, and says when it is not there.

Migrations are explicit (`grantd db upgrade`), except that a new SQLite file is made
by opening it. Several processes may migrate at once: one does, the others find it done.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event
from sqlalchemy.pool import NullPool

from grantd_server.store.tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from sqlite3 import Connection as Driver

    from sqlalchemy import Connection, Engine

_PATIENCE = 30.0
"""Seconds to wait for another process that is migrating."""


def upgrade(url: str) -> None:
    """Migrates the database at `url` (`sqlite:///…`) to the newest schema, in one transaction."""
    for connection in _connected(url):
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check(url: str) -> list[object]:
    """Compares the database with the models; what differs, or nothing."""
    differences: list[object] = []
    for connection in _connected(url):
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences.extend(compare_metadata(context, Table.metadata))
    return differences


def newest() -> str | None:
    """The newest revision among the migration files."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config


def _connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": _PATIENCE})
    if engine.dialect.name == "sqlite":
        _lock_first(engine)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _lock_first(engine: Engine) -> None:
    """Takes SQLite's write lock before anything is read: the driver's own way would
    run schema changes outside of any transaction, and let two migrate side by side."""

    @event.listens_for(engine, "connect")
    def _by_hand(driver: Driver, _: object) -> None:
        driver.isolation_level = None
        driver.execute("PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def _immediate(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
