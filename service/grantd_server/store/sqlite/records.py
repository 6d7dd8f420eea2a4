"""Reads records out of a SQLite file and never writes to it: a copy, a disk that is
read-only, or the file of a service that runs."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from grantd_server.audit.chain import Head
from grantd_server.store import StoredEntry, StoreUnavailable
from grantd_server.store.records.rows import in_order, stored_in
from grantd_server.store.sqlite import statements as sql
from grantd_server.store.sqlite.database import name_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PAGE: Final = 2000
"""Rows read at a time: one long read would keep a running service from tidying its log."""
_PATIENCE: Final = 5000


class SqliteRecords:
    """Heads and records of one file, whatever release wrote it, and whoever changed it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = _connected(path)

    async def heads(self) -> list[Head]:
        """The end of every writer's chain."""
        return [Head(*row) for row in self._rows(sql.HEADS, ())]

    def history(self) -> AsyncIterator[StoredEntry]:
        """Every record, each writer's chain in its order."""
        return in_order(self._page)

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    async def _page(self, writer: str, seq: int) -> list[StoredEntry]:
        return [stored_in(row) for row in self._rows(sql.HISTORY, (writer, seq, _PAGE))]

    def _rows(self, statement: str, parameters: tuple[Any, ...] | dict[str, Any]) -> list[Any]:
        fault = ""
        try:
            return self._connection.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            fault = name_of(error)
        raise StoreUnavailable(f"{self._path} cannot be read: {fault}")


def rows_of(path: Path, statement: str, parameters: dict[str, Any]) -> list[Any]:
    """The rows of one statement that takes its time, over a connection of its own."""
    records = SqliteRecords(path)
    try:
        return records._rows(statement, parameters)  # noqa: SLF001 - of this module
    finally:
        records.close()


def _connected(path: Path) -> sqlite3.Connection:
    fault = ""
    # Where not even the index of the log can be made, a file without a log can be read as it lies.
    alone = not Path(f"{path}-wal").exists()
    for more in ("", "&immutable=1") if alone else ("",):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{more}", uri=True, isolation_level=None)
        # Bytes that are no text were put there by somebody else; they must not stop the reading.
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        try:
            connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
            connection.execute("PRAGMA schema_version").fetchone()
        except sqlite3.Error as error:
            fault = name_of(error)
            connection.close()
        else:
            return connection
    raise StoreUnavailable(f"{path} cannot be read: {fault}")
