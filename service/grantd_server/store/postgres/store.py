"""The store of several workers and replicas: one PostgreSQL. Promises: see `grantd_server.store`."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from grantd_server.audit.chain import Head
from grantd_server.store import (
    DAY,
    Epochs,
    LiveState,
    StoredEntry,
    Tombstone,
    Withdrawal,
    Write,
)
from grantd_server.store.postgres import statements as sql
from grantd_server.store.postgres.connection.link import Place, SharedLink
from grantd_server.store.postgres.database import PostgresDatabase
from grantd_server.store.postgres.governed import PostgresGoverned
from grantd_server.store.postgres.partitions import drop_before, make_ahead
from grantd_server.store.postgres.questions import REPORT_TIME, PostgresQuestions
from grantd_server.store.postgres.wake import Wake
from grantd_server.store.records.decided import DECISIONS, PAGE, id_bounds, span_of
from grantd_server.store.records.rows import in_order
from grantd_server.store.refresh_tokens import RefreshToken
from grantd_server.store.schema import REVISION, SchemaMismatch
from grantd_server.store.window import Window

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from grantd_server.store import Outcome
    from grantd_server.store.records.decided import DecisionSpan

_HOUR: Final = 3600.0


class PostgresStore(PostgresGoverned, PostgresQuestions):
    """A `Store` on one PostgreSQL. It connects when it is first asked something."""

    def __init__(
        self,
        place: Place,
        *,
        writer: str,
        wake: Place | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        bite: int = 500,
        refusals: int = 100_000,
        introspections: int = 1_000_000,
    ) -> None:
        self._database = PostgresDatabase(place)
        self._window = Window(self._database, writer, monotonic)
        self._view = SharedLink(place)
        """Of its own: whatever takes long must not make the revocation view old."""
        self._wake = Wake(wake)
        self._side = SharedLink(place)
        self._slow = SharedLink(replace(place, patience=REPORT_TIME))
        """For what reads months of records."""
        self._monotonic = monotonic
        self._days_due = monotonic()
        self._bite = bite
        self._caps = {"refusals": refusals, "introspections": introspections}

    async def start(self) -> None:
        found = await self._side.fetch(sql.HAS_SCHEMA)
        revision = (await self._side.fetch(sql.SCHEMA))[0][0] if found[0][0] else None
        if revision != REVISION:
            raise SchemaMismatch(revision)

    async def write(self, write: Write) -> Outcome:
        return await self._window.submit(write)

    async def write_behind(self, rows: Sequence[dict[str, Any]], table: str) -> None:
        columns = [[row[name] for row in rows] for name in sql.BEHIND_COLUMNS[table]]
        await self._side.change(sql.BEHIND[table], *columns)

    async def live_state(self, since: int, seen: int | None = None) -> LiveState:
        (row,) = await self._view.fetch(sql.LIVE_STATE, since, seen)
        columns = ("kinds", "names", "reasons", "untils", "authors", "times")
        blocked = zip(*(row[name] for name in columns), strict=True)
        return LiveState(
            Epochs(row["bundle"], row["withdrawals"], row["revocations"]),
            tuple(Withdrawal(*each) for each in blocked),
            tuple(Tombstone(*each) for each in zip(row["digests"], row["expiries"], strict=True)),
            row["now"],
            row["newest"],
        )

    async def changed(self, seconds: float) -> None:
        await self._wake.wait(seconds)

    async def entry(self, decision_id: str) -> StoredEntry | None:
        rows = await self._rows(sql.ENTRY, decision_id)
        return rows[0] if rows else None

    def history(self) -> AsyncIterator[StoredEntry]:
        return in_order(lambda writer, seq: self._rows(sql.HISTORY, writer, seq, PAGE))

    async def decisions(self, since_us: int, until_us: int) -> AsyncIterator[list[tuple[str, bytes]]]:
        after, end = id_bounds(since_us, until_us)
        days = (since_us // DAY - 1, until_us // DAY + 1)
        while True:
            page = await self._side.fetch(sql.DECISIONS, after, end, *days, DECISIONS, PAGE)
            if not page:
                return
            yield [(row[0], row[1]) for row in page]
            after = page[-1][0]

    async def decision_span(self, since_us: int, until_us: int) -> DecisionSpan | None:
        days = (since_us // DAY - 1, until_us // DAY + 1)
        (row,) = await self._side.fetch(sql.DECISION_SPAN, *id_bounds(since_us, until_us), *days)
        return span_of(*row)

    async def heads(self) -> list[Head]:
        return [Head(*row) for row in await self._side.fetch(sql.HEADS)]

    async def aggregates(self, table: str, limit: int = 100) -> list[dict[str, Any]]:
        return [dict(row) for row in await self._side.fetch(sql.AGGREGATES[table], limit)]

    async def refresh_token(self, digest: bytes) -> RefreshToken | None:
        rows = await self._side.fetch(sql.KEPT, digest)
        return RefreshToken(*rows[0]) if rows else None

    async def prunable(self, before_us: int) -> list[Head]:
        return [Head(*row) for row in await self._side.fetch(sql.PRUNABLE, before_us // DAY)]

    async def prune(self, before_us: int) -> list[Head]:
        heads = await self.prunable(before_us)
        await drop_before(self._side, before_us // DAY)
        while (await self._side.change(sql.PRUNE_REST, before_us // DAY, self._bite))[0][0]:
            pass
        return heads

    async def purge(self) -> int:
        """Deletes one bite of what has outlived its time; how many rows went. Sees to the
        partitions of the next days, now and then."""
        if self._monotonic() >= self._days_due:
            self._days_due = self._monotonic() + _HOUR
            await make_ahead(self._side)
        gone = [await self._side.change(statement, self._bite) for statement in sql.PURGES]
        gone += [await self._side.change(sql.CAPS[table], self._bite, most) for table, most in self._caps.items()]
        return sum(rows[0][0] for rows in gone)

    async def ping(self) -> None:
        await self._side.change(sql.BEAT)

    async def close(self) -> None:
        await self._window.close()
        await asyncio.gather(
            self._database.writer.close(),
            self._side.close(),
            self._slow.close(),
            self._view.close(),
            self._wake.close(),
        )
