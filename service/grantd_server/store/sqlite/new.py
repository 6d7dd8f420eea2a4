"""A new SQLite file, with this release's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.store import StoreUnavailable
from grantd_server.store.sqlite.private_file import make_private

if TYPE_CHECKING:
    from pathlib import Path


def create(path: Path) -> None:
    """Makes the file. Raises StoreUnavailable."""
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 SQLAlchemy costs a second that an existing file need not pay

    from grantd_server.store import migrations  # noqa: PLC0415 the same

    make_private(path)
    try:
        migrations.upgrade(f"sqlite:///{path.absolute()}")
    except DBAPIError as error:
        fault = type(error.orig).__name__
    else:
        return
    # Outside of the handler: the driver's fault could carry what a row holds.
    raise StoreUnavailable(f"the database file cannot be made: {fault}")
