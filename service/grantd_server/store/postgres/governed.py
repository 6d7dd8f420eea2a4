"""What administrators change, in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.store import Conflict, Entry, Withdrawal, Write
from grantd_server.store.governed import Activation, Below, StoredBundle
from grantd_server.store.postgres import statements as sql

if TYPE_CHECKING:
    from grantd_server.store.postgres.connection.link import SharedLink
    from grantd_server.store.postgres.database import PostgresDatabase
    from grantd_server.store.window import Window
    from grantd_server.store.window.settlement import Effect


class PostgresGoverned:
    """The part of the store that only administrators change."""

    _database: PostgresDatabase
    _window: Window
    _side: SharedLink

    async def put_bundle(self, version: str, document: bytes, author: str, why: str) -> None:
        await self._side.change(sql.PUT_BUNDLE, version, document, author, why)
        if (await self._side.fetch(sql.BUNDLE, version))[0][0] != document:
            raise Conflict("a bundle version never changes, and this one exists with another document")

    async def activate(self, version: str, expected: int, entry: Entry, *, author: str = "", why: str = "") -> int:
        reached: list[int] = []

        async def flip() -> None:
            rows = await self._database.writer.within(sql.ACTIVATE, version, expected)
            if not rows:
                raise Conflict(f"the epoch is no longer {expected}, or the version was never put")
            epoch = rows[0]["bundle"]
            await self._database.writer.within(sql.ACTIVATED, epoch, version, author, why, entry.id)
            reached.append(epoch)

        await self._effect(entry, flip)
        return reached[-1]

    async def active_bundle(self) -> tuple[int, str, bytes] | None:
        rows = await self._side.fetch(sql.ACTIVE)
        return (rows[0][0], rows[0][1], rows[0][2]) if rows else None

    async def withdraw(self, withdrawal: Withdrawal, entry: Entry) -> None:
        async def block() -> None:
            writer = self._database.writer
            row = (withdrawal.kind, withdrawal.name, withdrawal.reason, withdrawal.until, withdrawal.author)
            await writer.within(sql.WITHDRAW, *row)
            await writer.within(sql.WITHDRAWN)

        await self._effect(entry, block)

    async def restore(self, kind: str, name: str, entry: Entry) -> bool:
        lifted: list[bool] = []

        async def lift() -> None:
            lifted.append(bool(await self._database.writer.within(sql.RESTORE, kind, name)))
            if lifted[-1]:
                await self._database.writer.within(sql.WITHDRAWN)

        await self._effect(entry, lift)
        return lifted[-1]

    async def bundle(self, version: str) -> bytes | None:
        rows = await self._side.fetch(sql.BUNDLE, version)
        return rows[0][0] if rows else None

    async def bundles(self, limit: int, before: str = "") -> list[StoredBundle]:
        return [StoredBundle(*row) for row in await self._side.fetch(sql.BUNDLES, before, limit)]

    async def activation(self) -> Activation | None:
        rows = await self._side.fetch(sql.ACTIVATION)
        return Activation(*rows[0]) if rows else None

    async def below(self, chain: str) -> Below:
        return Below(*(await self._side.fetch(sql.BELOW, chain))[0])

    async def _effect(self, entry: Entry, effect: Effect) -> None:
        await self._window.submit(Write(entry), effect)
