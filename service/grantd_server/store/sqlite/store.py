"""The embedded store: one SQLite file, one worker. Promises: see `grantd_server.store`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from grantd_server.audit.chain import Head
from grantd_server.store import DAY, Epochs, LiveState, StoredEntry, Tombstone, Withdrawal, Write
from grantd_server.store.records.decided import PAGE
from grantd_server.store.records.rows import in_order
from grantd_server.store.refresh_tokens import RefreshToken
from grantd_server.store.sqlite import pages
from grantd_server.store.sqlite import statements as sql
from grantd_server.store.sqlite.database import SqliteDatabase
from grantd_server.store.sqlite.governed import SqliteGoverned
from grantd_server.store.sqlite.questions import SqliteQuestions
from grantd_server.store.window import Window

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Callable, Sequence

    from grantd_server.store import Outcome
    from grantd_server.store.records.decided import DecisionSpan

WRITER: Final = "grantd"
"""The writer's name: stable over restarts, so that its records are one chain."""


class SqliteStore(SqliteGoverned, SqliteQuestions):
    """A `Store` on one file. All of it runs on the loop that uses it."""

    def __init__(
        self,
        database: SqliteDatabase,
        *,
        writer: str = WRITER,
        monotonic: Callable[[], float] = time.monotonic,
        bite: int = 500,
        refusals: int = 100_000,
        introspections: int = 1_000_000,
    ) -> None:
        self._database = database
        self._path = database.path
        self._monotonic = monotonic
        self._window = Window(database, writer, monotonic)
        self._caps = {"bite": bite, "refusals": refusals, "introspections": introspections}

    @classmethod
    def open(cls, path: Path | str, **settings: Any) -> SqliteStore:
        """Opens the file at `path`; a new one gets this release's schema.

        `settings`: `writer` (name of the chain), `bite` (rows one purge deletes at
        most), `refusals` and `introspections` (most rows kept of class 3 and 2).

        Raises:
            SchemaMismatch: the file has another schema; it is not migrated by itself.
            StoreUnavailable: the file cannot be opened.
        """
        path = Path(path)
        if not path.exists() or path.stat().st_size == 0:
            # SQLAlchemy costs a second that an existing file need not pay.
            from grantd_server.store.upgrading import upgrade_file  # noqa: PLC0415

            upgrade_file(path)
        database = SqliteDatabase(path)
        database.open()
        return cls(database, **settings)

    async def start(self) -> None:
        """Nothing is left to be done: `open` has held the file to the schema."""

    async def write(self, write: Write) -> Outcome:
        return await self._window.submit(write)

    async def write_behind(self, rows: Sequence[dict[str, Any]], table: str) -> None:
        statement = sql.BEHIND[table]

        async def upsert() -> None:
            self._database.writer.executemany(statement, rows)

        await self._window.alone(upsert)

    async def live_state(self, since: int, seen: int | None = None) -> LiveState:
        def read(connection: sqlite3.Connection) -> LiveState:
            # One snapshot: epochs that ran ahead of the withdrawals would hide a block.
            connection.execute("BEGIN")
            try:
                epochs = Epochs(*connection.execute(sql.EPOCHS).fetchone())
                now, newest = connection.execute(sql.NOW).fetchone()
                same = (epochs.revocations, newest) == (seen, since)
                return LiveState(
                    epochs,
                    tuple(Withdrawal(*row) for row in connection.execute(sql.WITHDRAWALS)),
                    () if same else tuple(Tombstone(*row) for row in connection.execute(sql.TOMBSTONES, (since,))),
                    now,
                    newest,
                )
            finally:
                connection.execute("ROLLBACK")

        return await self._read(read)

    async def changed(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def entry(self, decision_id: str) -> StoredEntry | None:
        rows = await self._rows(sql.ENTRY, (decision_id,))
        return rows[0] if rows else None

    def history(self) -> AsyncIterator[StoredEntry]:
        return in_order(lambda writer, seq: self._rows(sql.HISTORY, (writer, seq, PAGE)))

    def decisions(self, since_us: int, until_us: int) -> AsyncIterator[list[tuple[str, bytes]]]:
        return pages.decisions(self._fetch, since_us, until_us)

    async def decision_span(self, since_us: int, until_us: int) -> DecisionSpan | None:
        return await pages.decision_span(self._fetch, since_us, until_us)

    async def heads(self) -> list[Head]:
        rows = await self._read(lambda reader: reader.execute(sql.HEADS).fetchall())
        return [Head(*row) for row in rows]

    async def aggregates(self, table: str, limit: int = 100) -> list[dict[str, Any]]:
        statement = sql.AGGREGATES[table]
        cursor = await self._read(lambda reader: reader.execute(statement, (limit,)))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    async def refresh_token(self, digest: bytes) -> RefreshToken | None:
        row = await self._read(lambda reader: reader.execute(sql.KEPT, (digest,)).fetchone())
        return None if row is None else RefreshToken(*row)

    async def prunable(self, before_us: int) -> list[Head]:
        rows = await self._read(lambda reader: reader.execute(sql.PRUNABLE, (before_us // DAY,)).fetchall())
        return [Head(*row) for row in rows]

    async def prune(self, before_us: int) -> list[Head]:
        heads = await self.prunable(before_us)
        bite = self._caps["bite"]
        for head in heads:
            gone = [bite]

            async def delete(writer: str = head.writer, seq: int = head.seq, gone: list[int] = gone) -> None:
                gone[0] = self._database.writer.execute(sql.PRUNE, (writer, seq, bite)).rowcount

            while gone[0] == bite:
                await self._window.alone(delete)
        return heads

    async def purge(self) -> int:
        """Deletes one bite of what has outlived its time; how many rows went."""
        gone: list[int] = []

        async def delete() -> None:
            gone[:] = [self._database.writer.execute(statement, self._caps).rowcount for statement in sql.PURGES]

        await self._window.alone(delete)
        return sum(gone)

    async def ping(self) -> None:
        async def beat() -> None:
            self._database.writer.execute(sql.BEAT)

        await self._window.alone(beat)

    async def close(self) -> None:
        await self._window.close()
        self._database.close()

    async def _fetch(self, statement: str, parameters: tuple[Any, ...]) -> list[Any]:
        return await self._read(lambda reader: reader.execute(statement, parameters).fetchall())
