"""SQLite behind the window: one connection that writes, one that only reads.

Everything runs on the loop's own thread: a thread hop costs more than the statement.
No method suspends between BEGIN and COMMIT, and SQLite never waits for a lock inside
a call (`busy_timeout` 0): waiting is awaited.
"""

from __future__ import annotations

import sqlite3
from dataclasses import astuple
from typing import TYPE_CHECKING, Final

from grantd_server.audit.chain import Head
from grantd_server.store import Epochs, StoreUnavailable
from grantd_server.store.records.rows import row_of
from grantd_server.store.schema import REVISION, SchemaMismatch
from grantd_server.store.sqlite import statements as sql
from grantd_server.store.window.commit import Busy, Unanswered

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from grantd_server.store import Issued, Mark, StoredEntry, Tombstone
    from grantd_server.store.refresh_tokens import RefreshToken
    from grantd_server.store.window.settlement import Job

_PATIENCE: Final = 5000
"""Milliseconds that opening waits for another process, for instance one that recovers
the file after a crash; nothing is served yet."""

_LOG_PAGES: Final = 4000
"""Pages of the log (16 MB) before it is copied into the file. The upper pages of every
tree change in each transaction; the longer the log, the more rarely they are copied."""

_STATEMENTS: Final = 128
"""Statements that the driver keeps prepared: more than there are."""


class SqliteTransaction:
    """One BEGIN IMMEDIATE … COMMIT."""

    __slots__ = ("_connection", "_execute")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute

    async def standing(self, chains: Collection[str]) -> tuple[Epochs, frozenset[str]]:
        buried = (
            chain for chain in chains if self._execute(sql.BURIED, (bytes.fromhex(chain),)).fetchone() is not None
        )
        return Epochs(*self._execute(sql.EPOCHS).fetchone()), frozenset(buried)

    async def remember(self, marks: Sequence[tuple[Mark, str]]) -> list[str | None]:
        return [self._remember(mark, decision_id) for mark, decision_id in marks]

    def _remember(self, mark: Mark, decision_id: str) -> str | None:
        if mark.owner:
            return self._bind(mark, decision_id)
        for use in range(1, mark.uses + 1):
            row = (mark.space.value, mark.issuer, mark.digest, use, mark.until, decision_id)
            if self._execute(sql.MARK, row).fetchone() is not None:
                return None
        return self._winner(mark)

    def _bind(self, mark: Mark, decision_id: str) -> str | None:
        row = {
            "space": mark.space.value,
            "issuer": mark.issuer,
            "digest": mark.digest,
            "until": mark.until,
            "decision_id": decision_id,
            "owner": mark.owner,
            "left_to": "" if mark.spends else mark.owner,
        }
        return None if self._execute(sql.BIND, row).fetchone() is not None else self._winner(mark)

    def _winner(self, mark: Mark) -> str:
        return str(self._execute(sql.MARK_WINNER, (mark.space.value, mark.issuer, mark.digest)).fetchone()[0])

    async def issue(self, issued: Sequence[Issued]) -> None:
        self._connection.executemany(sql.ISSUE, [(token.digest, token.chain, token.expires) for token in issued])

    async def keep(self, tokens: Sequence[RefreshToken]) -> None:
        for token in tokens:
            if token.parent is not None:
                self._execute(sql.ROTATE, (token.issued, token.parent))
            self._execute(sql.KEEP, astuple(token))

    async def bury(self, tombstones: Sequence[Tombstone]) -> None:
        for tombstone in tombstones:
            chain = tombstone.digest.hex()
            self._execute(sql.BURY, {"digest": tombstone.digest, "expires": tombstone.expires, "chain": chain})
            self._execute(sql.BURY_BELOW, {"chain": chain})
        self._execute(sql.REVOKED)

    async def claim(self, writer: str) -> Head:
        return Head(writer, *self._execute(sql.CLAIM, (writer, bytes(32))).fetchone())

    async def append(self, head: Head, rows: Sequence[StoredEntry]) -> bool:
        moved = self._execute(sql.ADVANCE, (head.seq, head.hash, head.writer, head.epoch)).fetchone()
        if moved is None:
            return False
        self._connection.executemany(sql.APPEND, [(*row_of(stored), moved[0]) for stored in rows])
        return True

    async def commit(self) -> None:
        fault = None
        try:
            self._execute("COMMIT")
        except sqlite3.Error as error:
            fault = name_of(error)
        if fault is not None:
            # SQLite leaves the transaction open only when it is sure that nothing was written.
            raise Busy(fault) if self._connection.in_transaction else Unanswered(fault)

    async def rollback(self) -> None:
        if self._connection.in_transaction:
            self._execute("ROLLBACK")


class SqliteDatabase:
    """The file: connections, their settings, the schema gate, faults without values."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None

    def open(self) -> None:
        """Connects and holds the file to this release's schema.

        Raises:
            SchemaMismatch: it has another one.
            StoreUnavailable: it cannot be opened.
        """
        fault = None
        try:
            found = self.writer.execute(sql.SCHEMA).fetchone()
        except sqlite3.Error as error:
            fault, found = error, None
        if fault is not None and "no such table" not in str(fault):
            raise StoreUnavailable(name_of(fault))
        if found is None or found[0] != REVISION:
            self.close()
            raise SchemaMismatch(found and found[0])

    @property
    def writer(self) -> sqlite3.Connection:
        """The connection that writes; made anew after `discard`."""
        if self._writer is None:
            self._writer = self.connect("rw")
        return self._writer

    @property
    def reader(self) -> sqlite3.Connection:
        """The connection that reads: it never takes the write lock."""
        if self._reader is None:
            self._reader = self.connect("ro")
        return self._reader

    def connect(self, mode: str) -> sqlite3.Connection:
        """Opens one connection, `rw` or `ro`."""
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            cached_statements=_STATEMENTS,
        )
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE}")
        if mode == "rw":
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
            connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA busy_timeout = 0")
        return connection

    async def begin(self, jobs: Sequence[Job]) -> SqliteTransaction:  # noqa: ARG002 - the file has one lock for all
        fault: Exception | None = None
        try:
            connection = self.writer
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            fault = self.turned(error)
        if fault is None:
            return SqliteTransaction(connection)
        if not isinstance(fault, Busy):
            self.discard()
        raise fault

    def discard(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    def close(self) -> None:
        """Closes both connections; the writing one last, which copies the log into the file."""
        if self._reader is not None:
            self._reader.close()
        self._reader = None
        self.discard()

    def turned(self, fault: Exception) -> Exception:
        if isinstance(fault, sqlite3.Error):
            busy = getattr(fault, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
            return (Busy if busy else StoreUnavailable)(name_of(fault))
        if isinstance(fault, UnicodeEncodeError | OverflowError):  # both come from binding a value, and may hold it
            return StoreUnavailable(f"a value that SQLite cannot hold: {type(fault).__name__}")
        return fault


def name_of(fault: sqlite3.Error) -> str:
    """Names a fault of SQLite by its code: texts could carry what a row holds."""
    return str(getattr(fault, "sqlite_errorname", type(fault).__name__))
