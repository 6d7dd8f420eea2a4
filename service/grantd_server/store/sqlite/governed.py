"""What administrators change, in SQLite; and how any part of the store reads."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Final, TypeVar

from grantd_server.store import Conflict, Entry, Withdrawal, Write
from grantd_server.store.governed import Activation, Below, StoredBundle
from grantd_server.store.sqlite import statements as sql
from grantd_server.store.window import LIMIT
from grantd_server.store.window.commit import Busy

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd_server.store.sqlite.database import SqliteDatabase
    from grantd_server.store.window import Window
    from grantd_server.store.window.settlement import Effect

T = TypeVar("T")

_RETRY: Final = 0.001


class SqliteGoverned:
    """The part of the store that only administrators change."""

    _database: SqliteDatabase
    _window: Window
    _monotonic: Callable[[], float]

    async def put_bundle(self, version: str, document: bytes, author: str, why: str) -> None:
        async def insert() -> None:
            writer = self._database.writer
            writer.execute(sql.PUT_BUNDLE, (version, document, author, why))
            if writer.execute(sql.BUNDLE, (version,)).fetchone()[0] != document:
                raise Conflict("a bundle version never changes, and this one exists with another document")

        await self._window.alone(insert)

    async def activate(self, version: str, expected: int, entry: Entry, *, author: str = "", why: str = "") -> int:
        reached: list[int] = []

        async def flip() -> None:
            found = {"version": version, "expected": expected}
            row = self._database.writer.execute(sql.ACTIVATE, found).fetchone()
            if row is None:
                raise Conflict(f"the epoch is no longer {expected}, or the version was never put")
            self._database.writer.execute(sql.ACTIVATED, (row[0], version, author, why, entry.id))
            reached.append(row[0])

        await self._effect(entry, flip)
        return reached[-1]

    async def active_bundle(self) -> tuple[int, str, bytes] | None:
        row = await self._read(lambda reader: reader.execute(sql.ACTIVE).fetchone())
        return None if row is None else (row[0], row[1], row[2])

    async def withdraw(self, withdrawal: Withdrawal, entry: Entry) -> None:
        async def block() -> None:
            row = (withdrawal.kind, withdrawal.name, withdrawal.reason, withdrawal.until, withdrawal.author)
            self._database.writer.execute(sql.WITHDRAW, row)
            self._database.writer.execute(sql.WITHDRAWN)

        await self._effect(entry, block)

    async def restore(self, kind: str, name: str, entry: Entry) -> bool:
        lifted: list[bool] = []

        async def lift() -> None:
            lifted.append(self._database.writer.execute(sql.RESTORE, (kind, name)).fetchone() is not None)
            if lifted[-1]:
                self._database.writer.execute(sql.WITHDRAWN)

        await self._effect(entry, lift)
        return lifted[-1]

    async def bundle(self, version: str) -> bytes | None:
        row = await self._read(lambda reader: reader.execute(sql.BUNDLE, (version,)).fetchone())
        return None if row is None else row[0]

    async def bundles(self, limit: int, before: str = "") -> list[StoredBundle]:
        asked = (before, limit)
        return [StoredBundle(*row) for row in await self._read(lambda reader: reader.execute(sql.BUNDLES, asked))]

    async def activation(self) -> Activation | None:
        row = await self._read(lambda reader: reader.execute(sql.ACTIVATION).fetchone())
        return None if row is None else Activation(*row)

    async def below(self, chain: str) -> Below:
        return Below(*await self._read(lambda reader: reader.execute(sql.BELOW, {"chain": chain}).fetchone()))

    async def _effect(self, entry: Entry, effect: Effect) -> None:
        await self._window.submit(Write(entry), effect)

    async def _read(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """Reads; waits where another process recovers or resets the log."""
        give_up = self._monotonic() + LIMIT
        while True:
            try:
                return read(self._database.reader)
            except sqlite3.Error as error:
                fault = self._database.turned(error)
            if not isinstance(fault, Busy) or self._monotonic() > give_up:
                raise fault
            await asyncio.sleep(_RETRY)
