"""`grantd db upgrade`: the migrations, with the library's faults turned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from grantd_server.store import StoreUnavailable, migrations
from grantd_server.store.private_file import make_private

if TYPE_CHECKING:
    from pathlib import Path


def upgrade_file(path: Path) -> str:
    """Brings a SQLite file to the newest schema and returns its revision.

    Raises:
        StoreUnavailable: the file is no database, or is locked; the text names the
            driver's class of fault, as its message may hold parameters.
    """
    make_private(path)
    try:
        migrations.upgrade(f"sqlite:///{path.absolute()}")
    except DBAPIError as fault:
        kind = type(fault.orig).__name__
    else:
        return str(migrations.newest())
    raise StoreUnavailable(f"{path} cannot be upgraded: {kind}.")
