"""`grantd db upgrade`: the migrations, with the library's faults turned."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from grantd_server.store import StoreUnavailable, migrations
from grantd_server.store.opening import SQLITE
from grantd_server.store.sqlite.private_file import make_private

if TYPE_CHECKING:
    from grantd_server.store.opening import Opening


def upgrade_database(opening: Opening) -> str:
    """Brings a database to the newest schema and returns its revision.

    Raises:
        StoreUnavailable: it is no database, is locked, or not ours to change; the text
            names the driver's class of fault, as its message may hold parameters.
    """
    if opening.url.startswith(SQLITE):
        return upgrade_file(Path(opening.url.removeprefix(SQLITE)))
    from grantd_server.store.postgres.connection.faults import FAULTS, name_of  # noqa: PLC0415 - an extra

    # A migration prepares statements and holds its lock: it goes past a pooler.
    url = opening.wake_url or opening.url
    try:
        migrations.upgrade(url)
    except DBAPIError as fault:
        state = getattr(fault.orig, "sqlstate", None)
        kind = f"SQLSTATE {state}" if state else type(fault.orig).__name__
    except FAULTS as fault:
        kind = name_of(fault)
    else:
        asyncio.run(_days_ahead(url, opening.timeout))
        return str(migrations.newest())
    raise StoreUnavailable(f"PostgreSQL cannot be upgraded: {kind}.")


def upgrade_file(path: Path) -> str:
    """The same for a SQLite file; a new one is made, private."""
    make_private(path)
    try:
        migrations.upgrade(f"{SQLITE}{path.absolute()}")
    except DBAPIError as fault:
        kind = type(fault.orig).__name__
    else:
        return str(migrations.newest())
    raise StoreUnavailable(f"{path} cannot be upgraded: {kind}.")


async def _days_ahead(url: str, patience: float) -> None:
    from grantd_server.store.postgres.connection.link import Place, SharedLink  # noqa: PLC0415 - an extra
    from grantd_server.store.postgres.partitions import make_ahead  # noqa: PLC0415 - the same

    link = SharedLink(Place(url, patience=patience))
    try:
        await make_ahead(link)
    finally:
        await link.close()
