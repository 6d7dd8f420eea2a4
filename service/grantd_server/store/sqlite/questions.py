"""What those who explain ask of the embedded store."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

from grantd_server.store.questions import Tomb, Use, Users
from grantd_server.store.records.reading.searched import searched
from grantd_server.store.records.rows import stored_in
from grantd_server.store.sqlite import question_statements as sql
from grantd_server.store.sqlite.records import rows_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from grantd_server.store import StoredEntry

T = TypeVar("T")

_END: Final = "e"
"""Beyond every id."""


class SqliteQuestions:
    """`Questions` by the connection that only reads; what reads months, by one of its own
    in a thread, as the loop must not wait for it."""

    _path: Path

    async def entries(self, *, limit: int, after: str = "", before: str = "", **where: str) -> list[StoredEntry]:
        clause = searched(where, lambda _: "?")
        return await self._rows(sql.ENTRIES % clause, (after, before or _END, *where.values(), limit))

    async def written_after(self, writer: str, seq: int, limit: int) -> list[StoredEntry]:
        return await self._rows(sql.WRITTEN_AFTER, (writer, seq, limit))

    async def buried(self, digests: Sequence[bytes]) -> list[Tomb]:
        def read(reader: sqlite3.Connection) -> list[Tomb]:
            found = (reader.execute(sql.BURIED, (digest,)).fetchone() for digest in digests)
            return [Tomb(*row) for row in found if row is not None]

        return await self._read(read)

    async def issued_below(self, chain: str, limit: int) -> list[tuple[bytes, int]]:
        return await self._read(lambda reader: reader.execute(sql.ISSUED_BELOW, (chain, limit)).fetchall())

    async def introspected(self, tokens: Sequence[str], first: int, last: int) -> list[dict[str, Any]]:
        cursor = await self._read(lambda reader: reader.execute(sql.INTROSPECTED, (first, last, json.dumps(tokens))))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    async def used(self, after: str, before: str) -> list[Use]:
        found = await asyncio.to_thread(rows_of, self._path, sql.USED, {"after": after, "before": before or _END})
        return [Use(*row) for row in found]

    async def users(self, after: str, before: str, names: Sequence[tuple[str, str, str]]) -> list[Users]:
        asked = {"after": after, "before": before or _END, "names": json.dumps(names)}
        return [Users(*row) for row in await asyncio.to_thread(rows_of, self._path, sql.USERS, asked)]

    async def _rows(self, statement: str, parameters: tuple[Any, ...]) -> list[StoredEntry]:
        found = await self._read(lambda reader: reader.execute(statement, parameters).fetchall())
        return [stored_in(row) for row in found]

    async def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        raise NotImplementedError
