"""Test support: what somebody does to records who can write the database, and knows how
they are hashed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from grantd_server.audit.chain import link
from grantd_server.store import Entry

if TYPE_CHECKING:
    from pathlib import Path

_COLUMNS = "id, time_us, rpc, outcome, reason, issuer, client, subject, chain, body, writer_epoch, seq"
_ROWS = f"SELECT {_COLUMNS} FROM records WHERE writer = ? AND seq >= ? ORDER BY seq"
_PREVIOUS = "SELECT prev_hash FROM records WHERE writer = ? AND seq = ?"
_CHAIN = "UPDATE records SET prev_hash = ?, hash = ? WHERE writer = ? AND seq = ?"


def changed(folder: Path, statement: str, *parameters: Any) -> None:
    """Changes the database by a statement."""
    with closing(sqlite3.connect(folder / "grantd.db", isolation_level=None)) as file:
        file.execute(statement, parameters)


def dropped(folder: Path, first: int, last: int, writer: str = "grantd") -> None:
    """Deletes rows of a writer."""
    changed(folder, "DELETE FROM records WHERE writer = ? AND seq BETWEEN ? AND ?", writer, first, last)


def put(folder: Path, column: str, value: Any, seq: int) -> None:
    """Puts a value into a column of a row of `grantd`."""
    changed(folder, f"UPDATE records SET {column} = ? WHERE writer = 'grantd' AND seq = ?", value, seq)


def got(folder: Path, column: str, seq: int) -> Any:
    """What a column of a row of `grantd` holds."""
    with closing(sqlite3.connect(folder / "grantd.db")) as file:
        found = file.execute(f"SELECT {column} FROM records WHERE writer = 'grantd' AND seq = ?", (seq,))
        return found.fetchone()[0]


def rehashed(folder: Path, first: int, *, rows: int = 1_000_000, writer: str = "grantd") -> None:
    """Hashes rows of a writer anew from one on, and moves the writer's head when it goes
    to the end."""
    with closing(sqlite3.connect(folder / "grantd.db", isolation_level=None)) as file:
        found = file.execute(_ROWS, (writer, first)).fetchall()
        (head,) = file.execute(_PREVIOUS, (writer, first)).fetchone() or (b"",)
        for *entry, epoch, seq in found[:rows]:
            before, head = head, link(head, writer, epoch, seq, Entry(*entry))
            file.execute(_CHAIN, (before, head, writer, seq))
        if len(found) <= rows:
            end = "SELECT seq, hash FROM records WHERE writer = ? ORDER BY seq DESC LIMIT 1"
            file.execute(
                "UPDATE writers SET seq = ?, hash = ? WHERE name = ?",
                (*file.execute(end, (writer,)).fetchone(), writer),
            )
