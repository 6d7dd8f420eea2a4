"""PostgreSQL behind the window: one connection that writes, one transaction at a time.

Behind it may be any number of replicas. What keeps them apart is in `locks`;
each call here is one round trip, however many calls share the window.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Any

from grantd_server.audit.chain import Head
from grantd_server.store import Epochs, StoreUnavailable
from grantd_server.store.postgres import statements as sql
from grantd_server.store.postgres.connection.faults import FAULTS, NoAnswer, turned_at_commit
from grantd_server.store.postgres.connection.link import Link
from grantd_server.store.postgres.locks import beginning
from grantd_server.store.postgres.marks import remembered
from grantd_server.store.records.rows import row_of
from grantd_server.store.window.commit import Unanswered

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from grantd_server.store import Issued, Mark, StoredEntry, Tombstone
    from grantd_server.store.postgres.connection.link import Place
    from grantd_server.store.refresh_tokens import RefreshToken
    from grantd_server.store.window.settlement import Job


class PostgresTransaction:
    """One BEGIN … COMMIT."""

    __slots__ = ("_issued", "_link")

    def __init__(self, link: Link) -> None:
        self._link = link
        self._issued: list[Issued] = []
        """Noted with the records, to save a round trip."""

    async def standing(self, chains: Collection[str]) -> tuple[Epochs, frozenset[str]]:
        (row,) = await self._link.within(sql.STANDING, [bytes.fromhex(chain) for chain in chains])
        return Epochs(row[0], row[1], row[2]), frozenset(digest.hex() for digest in row[3])

    async def remember(self, marks: Sequence[tuple[Mark, str]]) -> list[str | None]:
        return await remembered(self._link, marks)

    async def issue(self, issued: Sequence[Issued]) -> None:
        self._issued += issued

    async def keep(self, tokens: Sequence[RefreshToken]) -> None:
        await self._link.within(sql.KEEP, *_columns([astuple(token) for token in tokens], 10))

    async def bury(self, tombstones: Sequence[Tombstone]) -> None:
        if self._issued:
            await self._link.within(sql.ISSUE, *self._noted())
        await self._link.within(sql.REVOKED)
        rows = [(tombstone.digest, tombstone.expires) for tombstone in tombstones]
        await self._link.within(sql.BURY, *_columns(rows, 2))

    async def claim(self, writer: str) -> Head:
        (row,) = await self._link.within(sql.CLAIM, writer, bytes(32))
        return Head(writer, *row)

    async def append(self, head: Head, rows: Sequence[StoredEntry]) -> bool:
        entries = _columns([row_of(stored) for stored in rows], 15)
        moved = await self._link.within(sql.APPEND, *head, *self._noted(), *entries)
        return bool(moved[0][0])

    def _noted(self) -> list[list[Any]]:
        rows, self._issued = [(token.digest, token.chain, token.expires) for token in self._issued], []
        return _columns(rows, 3)

    async def commit(self) -> None:
        if self._issued:  # nothing was recorded with them
            await self._link.within(sql.ISSUE, *self._noted())
        await commit(self._link)

    async def rollback(self) -> None:
        await give_up(self._link)


async def commit(link: Link) -> None:
    """Sends COMMIT, once.

    Raises:
        Unanswered: nobody can say whether it took effect.
        StoreUnavailable: it did not.
    """
    connection = link.in_transaction()
    warnings: list[str] = []
    listener = lambda _, message: warnings.append(message.sqlstate)  # noqa: E731 - it is taken off again below
    connection.add_log_listener(listener)
    fault: Exception | None = None
    try:
        tag = await connection.execute("COMMIT", timeout=link.place.patience)
    except FAULTS as error:
        fault = turned_at_commit(error)
    finally:
        connection.remove_log_listener(listener)
    if fault is not None:
        raise fault
    if tag != "COMMIT":
        raise StoreUnavailable("the transaction was rolled back at COMMIT")
    if warnings:
        raise Unanswered("a standby may not have it")


async def give_up(link: Link) -> None:
    """Rolls back, or cuts the connection, which does it, too."""
    try:
        if link.open:
            await link.run("ROLLBACK")
    except StoreUnavailable:
        link.drop()


class PostgresDatabase:
    """The connection that writes."""

    def __init__(self, place: Place) -> None:
        self.writer = Link(place)

    async def begin(self, jobs: Sequence[Job]) -> PostgresTransaction:
        statements = beginning(jobs)
        kept = self.writer.open
        try:
            await self.writer.run(statements)
        except NoAnswer:
            raise
        except StoreUnavailable:
            if self.writer.open:
                await give_up(self.writer)
                raise
            if not kept:
                raise
            # The server was restarted, or a pooler cut us off: nothing was begun yet.
            await self.writer.run(statements)
        return PostgresTransaction(self.writer)

    def discard(self) -> None:
        self.writer.drop()

    def turned(self, fault: Exception) -> Exception:
        return fault  # the link has turned it


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    """What an `unnest` takes: an array a column."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
