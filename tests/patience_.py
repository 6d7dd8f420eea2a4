"""Test support: bounds of time that hold on a machine with much else to do, because what counts
is the time that this process had; and stores that are impatient only while something is wrong."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from grantd_server.store.postgres import database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import pytest

    from grantd_server.store.postgres.connection.link import Link
    from grantd_server.store.postgres.store import PostgresStore

LONG: Final = 30.0
"""Seconds that an answer is waited for while nothing is wrong."""
TICK: Final = 0.01


class Stopwatch:
    """Seconds that the loop had. A loop that gets no processor stops it: what takes long
    for that reason alone is not found slow. Never ahead of the clock on the wall."""

    def __init__(self) -> None:
        self.seconds = 0.0

    async def run(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.seconds += TICK


@asynccontextmanager
async def stopwatch() -> AsyncIterator[Stopwatch]:
    """Runs until the end of the block."""
    watch = Stopwatch()
    running = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        running.cancel()


def _links(store: PostgresStore) -> list[Link]:
    return [store._database.writer, store._side._link, store._view._link]


@contextmanager
def hurried(store: PostgresStore, patience: float) -> Iterator[None]:
    """What the store asks in the block has so many seconds for its answer."""
    links = _links(store)
    before = links[0].place
    for link in links:
        link.place = replace(before, patience=patience)
    try:
        yield
    finally:
        for link in links:
            link.place = before


def hurry_one_commit(monkeypatch: pytest.MonkeyPatch, store: PostgresStore, patience: float) -> None:
    """The next COMMIT of the store has so many seconds, and nothing before or after it: a
    statement that is slow on its way there would be told as another fault."""
    real: Any = database.commit
    left = [store._database.writer]

    async def commit(link: Link) -> None:
        if link not in left:
            return await real(link)
        left.clear()
        before, link.place = link.place, replace(link.place, patience=patience)
        try:
            await real(link)
        finally:
            link.place = before

    monkeypatch.setattr(database, "commit", commit)


async def listens(store: PostgresStore) -> None:
    """Waits until it hears of changes."""
    while store._wake._listening is None or not store._wake._listening.done():
        await store.changed(TICK)
    assert store._wake._link is not None
    assert store._wake._link.open
