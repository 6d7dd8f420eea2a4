"""What is wrong with where things are to be stored: one sentence each, and never an
address, which may hold a password."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from grantd_server.store.postgres.connection.url import POSTGRESQL, read_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.settings.model import Settings


def store_problems(settings: Settings) -> Iterator[str]:
    """Says what must be mended before anything is stored."""
    store = settings.store
    if store.url is None:
        yield "store.url is missing; set it to sqlite:///path or postgresql://user@host/database."
        return
    if store.url.reveal().startswith(POSTGRESQL):
        yield from _postgres(settings)
        return
    for name, chosen in (("store.pooled", store.pooled), ("store.wake_url", store.wake_url is not None)):
        if chosen:
            yield f"{name} is for PostgreSQL; remove it."
    try:
        folder = settings.sqlite_path.parent
    except ValueError:
        yield "store.url must be sqlite:///path or postgresql://user@host/database; no other store is built in."
        return
    if not folder.is_dir():
        yield f"store.url: the folder {folder} does not exist."
    if settings.workers > 1:
        yield f"workers: {settings.workers} processes cannot share SQLite, which serves one; use PostgreSQL or set workers: 1."


def _postgres(settings: Settings) -> Iterator[str]:
    if find_spec("asyncpg") is None:
        yield "store.url names PostgreSQL, whose driver is missing: pip install 'grantd[postgres]'."
    for name, secret in (("store.url", settings.store.url), ("store.wake_url", settings.store.wake_url)):
        if secret is None:
            continue
        try:
            exposed = read_url(secret.reveal()).exposed
        except ValueError as fault:
            yield f"{name} {fault}."
            continue
        if exposed and not settings.development:
            yield (
                f"{name}: {', '.join(exposed)} is another machine, and whoever answers would be believed; "
                "add sslmode=verify-full (and sslrootcert=…)."
            )
