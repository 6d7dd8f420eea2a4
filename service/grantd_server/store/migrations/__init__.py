"""Brings a database to the schema of this release, and says when it is not there.

Migrations are explicit (`grantd db upgrade`), except that a new SQLite file is made
by opening it. Several processes may migrate at once: one does, the others find it done.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from grantd_server.store.migrations.connecting import connected
from grantd_server.store.tables import PARTITION, Table

if TYPE_CHECKING:
    from sqlalchemy import Connection


def upgrade(url: str) -> None:
    """Migrates the database at `url` (`sqlite:///…`, `postgresql://…`) to the newest
    schema, in one transaction. It blocks, and runs a loop of its own for PostgreSQL."""
    connected(url, _migrate)


def check(url: str) -> list[object]:
    """Compares the database with the models; what differs, or nothing."""
    differences: list[object] = []

    def compare(connection: Connection) -> None:
        here = connection.dialect.name

        def ours(item: Any, name: str | None, *_: object) -> bool:
            only = getattr(item, "info", {}).get("dialect", here)
            return only == here and not str(name).startswith(PARTITION)

        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": ours})
        differences.extend(compare_metadata(context, Table.metadata))

    connected(url, compare)
    return differences


def newest() -> str | None:
    """The newest revision among the migration files."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _migrate(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    return config
