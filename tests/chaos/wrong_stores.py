"""Two stores that are wrong in the two classic ways. The checker must tell them from ours."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from grantd_server.store.postgres import database as postgres_database
from grantd_server.store.postgres import statements as sql
from grantd_server.store.postgres import store as postgres_store
from grantd_server.store.postgres.database import PostgresDatabase, PostgresTransaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantd_server.store import Issued, Mark
    from grantd_server.store.window.settlement import Job

LATE: Final = 0.15
"""Seconds that a COMMIT is put off, as by a store that flushes now and then."""


class LooksFirst(PostgresTransaction):
    """Selects, and then inserts what it did not find."""

    async def remember(self, marks: Sequence[tuple[Mark, str]]) -> list[str | None]:
        keys = [(mark.space.value, mark.issuer, mark.digest) for mark, _ in marks]
        columns = [list(column) for column in zip(*keys, strict=True)]
        found = {tuple(row[:3]): str(row[4]) for row in await self._link.within(sql.WINNERS, *columns)}
        for key, (mark, decision) in zip(keys, marks, strict=True):
            if key not in found:
                row: list[list[Any]] = [[part] for part in (*key, 1, mark.until, decision, None)]
                await self._link.within(sql.MARK, *row)
        return [found.get(key) for key in keys]


class AnswersFirst(PostgresTransaction):
    """Tells whoever redeems before COMMIT, and commits a moment later."""

    pending: asyncio.Task[None] | None = None
    issues = False

    async def issue(self, issued: Sequence[Issued]) -> None:
        self.issues = True
        await super().issue(issued)

    async def commit(self) -> None:
        if self.issues:
            AnswersFirst.pending = asyncio.create_task(self._commit())
        else:
            await super().commit()

    async def _commit(self) -> None:
        await asyncio.sleep(LATE)
        await super().commit()


class _Waits(PostgresDatabase):
    """Begins the next transaction when the last is committed at last."""

    async def begin(self, jobs: Sequence[Job]) -> PostgresTransaction:
        if AnswersFirst.pending is not None:
            await AnswersFirst.pending
        return await super().begin(jobs)


WRONG: Final = {"looks-first": LooksFirst, "answers-first": AnswersFirst}
SHOWS: Final = {"looks-first": "double", "answers-first": "no record"}
"""The breach that each must show."""


def plant(name: str) -> None:
    """Puts a wrong store in the place of ours, in this process."""
    postgres_database.PostgresTransaction = WRONG[name]  # type: ignore[misc] # that is the point
    if WRONG[name] is AnswersFirst:
        postgres_store.PostgresDatabase = _Waits  # type: ignore[misc] # the same
