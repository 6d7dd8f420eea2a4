"""One connection and one transaction for a migration, with the lock that keeps a second
migration out."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from sqlalchemy import create_engine, event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from grantd_server.store.postgres.connection.url import POSTGRESQL
from grantd_server.store.postgres.locks import MIGRATION, SPACE

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection as Driver

    from sqlalchemy import Connection, Engine

_PATIENCE: Final = 30.0
"""Seconds to wait for another process that is migrating."""

_QUEUE: Final = 5
"""Seconds that a change of a table waits for those who use it: whoever comes after it
waits behind it."""


def connected(url: str, work: Callable[[Connection], None]) -> None:
    """Runs `work` in one transaction on the database at `url`."""
    if url.startswith(POSTGRESQL):
        asyncio.run(_on_postgres(url, work))
    else:
        _on_sqlite(url, work)


def _on_sqlite(url: str, work: Callable[[Connection], None]) -> None:
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args={"timeout": _PATIENCE})
    _lock_first(engine)
    try:
        with engine.begin() as connection:
            work(connection)
    finally:
        engine.dispose()


def _lock_first(engine: Engine) -> None:
    """Takes SQLite's write lock before anything is read: the driver's own way would
    run schema changes outside of any transaction, and let two migrate side by side."""

    @event.listens_for(engine, "connect")
    def _by_hand(driver: Driver, _: object) -> None:
        driver.isolation_level = None
        driver.execute("PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def _immediate(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


async def _on_postgres(url: str, work: Callable[[Connection], None]) -> None:
    import asyncpg  # noqa: PLC0415 - an extra
    from asyncpg.connect_utils import SessionAttribute  # noqa: PLC0415 - the same

    def connect() -> object:
        # SQLAlchemy's own reading of addresses knows neither several hosts nor sslmode.
        return asyncpg.connect(
            url,
            timeout=_PATIENCE,
            statement_cache_size=0,
            target_session_attrs=SessionAttribute.read_write,
        )

    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect, poolclass=NullPool, hide_parameters=True
    )
    try:
        async with engine.begin() as connection:
            await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_PATIENCE}s'")
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({SPACE}, {MIGRATION})")
            await connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_QUEUE}s'")
            await connection.run_sync(work)
    finally:
        await engine.dispose()
