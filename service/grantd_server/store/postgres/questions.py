"""What those who explain ask of PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from grantd_server.store.postgres import question_statements as sql
from grantd_server.store.questions import Tomb, Use, Users
from grantd_server.store.records.reading.searched import searched
from grantd_server.store.records.rows import stored_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantd_server.store import StoredEntry
    from grantd_server.store.postgres.connection.link import SharedLink

REPORT_TIME: Final = 60.0
"""Seconds that a report may take."""

_END: Final = "e"
"""Beyond every id."""


class PostgresQuestions:
    """`Questions` beside the window; what reads months, over a connection of its own."""

    _side: SharedLink
    _slow: SharedLink

    async def entries(self, *, limit: int, after: str = "", before: str = "", **where: str) -> list[StoredEntry]:
        clause = searched(where, lambda number: f"${number + 4}")
        return await self._rows(sql.ENTRIES % clause, limit, after, before or _END, *where.values())

    async def written_after(self, writer: str, seq: int, limit: int) -> list[StoredEntry]:
        return await self._rows(sql.WRITTEN_AFTER, writer, seq, limit)

    async def buried(self, digests: Sequence[bytes]) -> list[Tomb]:
        return [Tomb(*row) for row in await self._side.fetch(sql.BURIED, list(digests))]

    async def issued_below(self, chain: str, limit: int) -> list[tuple[bytes, int]]:
        return [(row[0], row[1]) for row in await self._side.fetch(sql.ISSUED_BELOW, chain, limit)]

    async def introspected(self, tokens: Sequence[str], first: int, last: int) -> list[dict[str, Any]]:
        return [dict(row) for row in await self._side.fetch(sql.INTROSPECTED, first, last, list(tokens))]

    async def used(self, after: str, before: str) -> list[Use]:
        return [Use(*row) for row in await self._slow.fetch(sql.USED, after, before or _END)]

    async def users(self, after: str, before: str, names: Sequence[tuple[str, str, str]]) -> list[Users]:
        columns = [[name[at] for name in names] for at in range(3)]
        return [Users(*row) for row in await self._slow.fetch(sql.USERS, after, before or _END, *columns)]

    async def _rows(self, statement: str, *values: Any) -> list[StoredEntry]:
        return [stored_in(row) for row in await self._side.fetch(statement, *values)]
