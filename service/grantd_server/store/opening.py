"""Which store an address names. Its driver is loaded only then."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from grantd_server.store import Store

SQLITE: Final = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Opening:
    """What it takes to open a store."""

    url: str = field(repr=False)
    """It may hold a password."""
    writer: str
    """The name of this process's chain of records: no other that runs has it."""
    pooled: bool = False
    wake_url: str | None = field(default=None, repr=False)
    timeout: float = 2.0


def open_store(opening: Opening) -> Store:
    """Opens a SQLite file, or gets ready to connect to a PostgreSQL; `start` does.

    Raises:
        SchemaMismatch: the file has another schema.
        StoreUnavailable: the file cannot be opened.
    """
    if opening.url.startswith(SQLITE):
        from grantd_server.store.sqlite.store import SqliteStore  # noqa: PLC0415 - 0.1 s

        return SqliteStore.open(Path(opening.url.removeprefix(SQLITE)), writer=opening.writer)
    from grantd_server.store.postgres.connection.link import Place  # noqa: PLC0415 - the same
    from grantd_server.store.postgres.store import PostgresStore  # noqa: PLC0415 - an extra

    place = Place(opening.url, opening.pooled, opening.timeout)
    # Through a pooler nothing would ever be heard.
    wake = Place(opening.wake_url, patience=opening.timeout) if opening.wake_url else None
    return PostgresStore(place, writer=opening.writer, wake=wake or (None if opening.pooled else place))
