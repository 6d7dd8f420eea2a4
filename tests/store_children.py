"""What runs in processes of its own: racers on one file, and children to be killed.

The pauses are made by wrapping a transaction here; nothing that is shipped can pause.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path

from grantd_server.store import Committed, Entry, Issued, Mark, Space, Write
from grantd_server.store.sqlite.database import SqliteDatabase, SqliteTransaction
from grantd_server.store.sqlite.store import SqliteStore

MARKED = sha256(b"raced").digest()


def simple_write(decision_id: str, *, jti: bytes = MARKED, life: int = 900) -> Write:
    """A redemption: one mark, one token, one record."""
    now = int(time.time())

    def row(outcome: str) -> Entry:
        return Entry(decision_id, now, "RedeemGrant", outcome, "", "", "agent", "", "", b"{}")

    issued = Issued(sha256(decision_id.encode()).digest(), "00" * 32, now + life)
    mark = Mark(Space.ID_JAG, "https://idp.example", jti, now + 330)
    return Write(row("granted"), (mark,), lost=lambda _mark, _winner: row("refused"), issued=(issued,))


def race(path: Path, name: str, rounds: int, meet: Callable[[], object]) -> int:
    """Writes one mark a round, all racers at once; how many this racer won."""

    async def run() -> int:
        store = SqliteStore.open(path)
        won = 0
        for number in range(rounds):
            jti = sha256(b"%d" % number).digest()
            meet()
            outcome = await store.write(simple_write(f"{name}-{number}", jti=jti))
            won += outcome == Committed()
        await store.close()
        return won

    return asyncio.run(run())


def race_in_process(path: Path, name: str, rounds: int, barrier: threading.Barrier, report: Connection) -> None:
    report.send(race(path, name, rounds, barrier.wait))


class _Paused(SqliteTransaction):
    """Reports before or after its COMMIT, and then never goes on."""

    report: Connection
    at: str

    async def commit(self) -> None:
        if self.at == "after":
            await super().commit()
        self.report.send(self.at)
        threading.Event().wait()


class _PausingDatabase(SqliteDatabase):
    def __init__(self, path: Path, report: Connection, at: str) -> None:
        super().__init__(path)
        self._kind = type("Paused", (_Paused,), {"report": report, "at": at})

    async def begin(self, jobs) -> SqliteTransaction:
        await super().begin(jobs)
        paused: SqliteTransaction = self._kind(self.writer)
        return paused


def write_and_pause(path: Path, report: Connection, at: str) -> None:
    """Writes `d1`, and stops for ever `before` or `after` COMMIT."""
    store = SqliteStore(_PausingDatabase(path, report, at))
    asyncio.run(store.write(simple_write("d1")))


def write_under_load(path: Path, report: Connection, name: str) -> None:
    """Writes without end, eight at a time, and reports each that was answered."""

    async def worker(store: SqliteStore, number: int) -> None:
        for turn in range(1_000_000):
            decision_id = f"{name}-{number}-{turn}"
            await store.write(simple_write(decision_id, jti=sha256(decision_id.encode()).digest()))
            report.send(decision_id)

    async def run() -> None:
        store = SqliteStore.open(path)
        await asyncio.gather(*(worker(store, number) for number in range(8)))

    asyncio.run(run())
