"""One connection to PostgreSQL: made when it is needed, given up after any doubt, and
no wait on it without an end. A server that is frozen answers nothing, not even to its
own timeouts: only a clock on this side helps."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from grantd_server.store import OutcomeUnknown, StoreUnavailable
from grantd_server.store.postgres.connection.faults import FAULTS, Cut, breaks, name_of, turned
from grantd_server.store.postgres.connection.url import read_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from asyncpg import Connection, Record

T = TypeVar("T")

_STATEMENTS: Final = 128
"""Statements that the driver keeps prepared: more than there are."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the database is, and how it is spoken to."""

    url: str
    pooled: bool = False
    """A pooler hands every transaction to another connection: nothing may be prepared."""
    patience: float = 2.0
    """Seconds that one answer is waited for, and that connecting may take in all."""

    def __repr__(self) -> str:
        return "Place()"  # the address may hold a password


class Link:
    """One connection for one use at a time; `SharedLink` is for many."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._servers = read_url(place.url).servers
        self._connection: Connection[Record] | None = None

    async def connected(self) -> Connection[Record]:
        """The connection; a new one where there is none. Raises StoreUnavailable."""
        if self._connection is not None and not self._connection.is_closed():
            return self._connection
        self.drop()
        self._connection = await self._connect()
        return self._connection

    @property
    def open(self) -> bool:
        """True while there is a connection."""
        return self._connection is not None and not self._connection.is_closed()

    def in_transaction(self) -> Connection[Record]:
        """The connection of the transaction under way. Raises StoreUnavailable when it is
        gone, and the transaction with it: on a new one its statements would stand alone,
        and be committed one by one."""
        if self._connection is None or not self._connection.is_in_transaction():
            raise Cut("the connection was lost before COMMIT")
        return self._connection

    async def within(self, statement: str, *values: Any) -> list[Record]:
        """Runs one statement of the transaction under way. Raises StoreUnavailable."""
        return await self._asked(
            self.in_transaction(), lambda open_: open_.fetch(statement, *values, timeout=self.place.patience)
        )

    async def fetch(self, statement: str, *values: Any) -> list[Record]:
        """Runs one statement with its values. Raises StoreUnavailable."""
        return await self._asked(
            await self.connected(), lambda open_: open_.fetch(statement, *values, timeout=self.place.patience)
        )

    async def run(self, statements: str) -> str:
        """Runs statements without values; the tag of the last. Raises StoreUnavailable."""
        return await self._asked(
            await self.connected(), lambda open_: open_.execute(statements, timeout=self.place.patience)
        )

    def drop(self) -> None:
        """Cuts the connection; the next use makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        """Ends the connection properly, if the server still listens."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close(timeout=self.place.patience)
            except FAULTS:
                connection.terminate()

    async def _asked(self, connection: Connection[Record], ask: Callable[[Connection[Record]], Awaitable[T]]) -> T:
        try:
            return await ask(connection)
        except FAULTS as error:
            fault = turned(error)
            if breaks(error) or connection.is_closed():
                self.drop()
        except asyncio.CancelledError:
            self.drop()
            raise
        raise fault  # outside of the handler: the driver's own fault is not carried along

    async def _connect(self) -> Connection[Record]:
        """Tries each server in turn, first the one that was the last to take writes; one
        that is frozen must leave time for the next."""
        cause = ""
        share = self.place.patience / len(self._servers)
        for host, port in self._servers:
            try:
                connection = await asyncpg.connect(
                    self.place.url,
                    host=host,
                    port=port,
                    timeout=share,
                    statement_cache_size=0 if self.place.pooled else _STATEMENTS,
                    max_cached_statement_lifetime=0,
                    target_session_attrs=SessionAttribute.read_write,
                )
            except FAULTS as error:
                cause = name_of(error)
            else:
                self._servers = ((host, port), *(each for each in self._servers if each != (host, port)))
                return connection
        raise StoreUnavailable(f"no connection to PostgreSQL: {cause}")


class SharedLink:
    """A connection that many callers use in turns. A caller that leaves stops waiting;
    what was begun is ended, as a statement that is cut short costs the connection."""

    def __init__(self, place: Place) -> None:
        self._link = Link(place)
        self._turn = asyncio.Lock()
        self._closed = False

    async def fetch(self, statement: str, *values: Any) -> list[Record]:
        """Runs one statement when it is its turn. Raises StoreUnavailable."""
        asked = asyncio.ensure_future(self._fetch(statement, values))
        asked.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(asked)

    async def alone(self, statements: str) -> None:
        """Runs statements without values in a transaction of their own.

        Raises:
            StoreUnavailable: they took no effect, as far as is known.
        """
        async with self._taken():
            try:
                await self._link.run(f"BEGIN; {statements}; COMMIT")
            except StoreUnavailable:
                if self._link.open:
                    await self._link.run("ROLLBACK")
                raise

    async def change(self, statement: str, *values: Any) -> list[Record]:
        """Runs one statement that writes, and commits it.

        Raises:
            StoreUnavailable: it took no effect.
            OutcomeUnknown: it may have.
        """
        try:
            return await self.fetch(statement, *values)
        except Cut as fault:
            unknown = OutcomeUnknown(str(fault))
        raise unknown

    async def close(self) -> None:
        """Ends the connection; whatever comes after is refused."""
        self._closed = True
        await self._link.close()

    async def _fetch(self, statement: str, values: tuple[Any, ...]) -> list[Record]:
        async with self._taken():
            return await self._link.fetch(statement, *values)

    @asynccontextmanager
    async def _taken(self) -> AsyncIterator[None]:
        """Waits for the turn, no longer than for an answer."""
        try:
            async with asyncio.timeout(self._link.place.patience):
                await self._turn.acquire()
        except TimeoutError:
            raise StoreUnavailable("PostgreSQL did not answer in time") from None
        try:
            if self._closed:
                raise StoreUnavailable("closed")
            yield
        finally:
            self._turn.release()
