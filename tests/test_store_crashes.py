"""Races between threads and processes on one file, and processes killed at the worst time."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from grantd_server.audit.chain import verify
from grantd_server.store import Committed, Lost, Outcome, Write
from grantd_server.store.sqlite import statements
from grantd_server.store.sqlite.store import SqliteStore
from store_children import race, race_in_process, simple_write, write_and_pause, write_under_load
from store_values import mark, winners
from store_values import race as contest
from store_values import write as written

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
async def path(tmp_path):
    path = tmp_path / "grantd.db"
    await SqliteStore.open(path).close()
    return path


async def history(path):
    store = SqliteStore.open(path)
    rows = [row async for row in store.history()]
    await store.close()
    return rows


def killed(target, *args, until, **more):
    """Runs `target` in a process, kills it with SIGKILL after `until(report)`."""
    report, theirs = SPAWN.Pipe(duplex=False)
    child = SPAWN.Process(target=target, args=args, kwargs={**more, "report": theirs}, daemon=True)
    child.start()
    theirs.close()
    try:
        until(report)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    return report


# races


@pytest.mark.req("B-20", "B-21", "G-20")
@pytest.mark.hostile("R02")
async def test_of_sixteen_threads_on_one_mark_exactly_one_wins_each_round(path):
    barrier = threading.Barrier(16)
    with ThreadPoolExecutor(16) as threads:
        racers = [threads.submit(race, path, f"t{i}", 5, barrier.wait) for i in range(16)]
        won = [await asyncio.wrap_future(racer) for racer in racers]

    assert sum(won) == 5
    assert verify(await history(path)) is None


@pytest.mark.req("B-20", "B-21", "G-20")
@pytest.mark.hostile("R02")
async def test_of_four_processes_on_one_mark_exactly_one_wins_each_round(path):
    barrier = SPAWN.Barrier(4)
    pipes = [SPAWN.Pipe(duplex=False) for _ in range(4)]
    racers = [
        SPAWN.Process(target=race_in_process, args=(path, f"p{i}", 40, barrier, theirs), daemon=True)
        for i, (_, theirs) in enumerate(pipes)
    ]
    for racer in racers:
        racer.start()
    won = [await asyncio.to_thread(ours.recv) for ours, _ in pipes]
    for racer in racers:
        racer.join()

    assert sum(won) == 40
    assert sum(count > 0 for count in won) > 1, "the processes did not meet"
    rows = await history(path)
    assert (len(rows), verify(rows)) == (160, None)


class LooksUpFirst:
    """The obvious wrong store: it looks a mark up and then writes it down."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._seen: dict[bytes, str] = {}

    async def write(self, write: Write) -> Outcome:
        (only,) = write.marks
        if (winner := self._seen.get(only.digest)) is not None:
            return Lost(only, winner)
        outcome = await self._store.write(Write(write.entry))
        self._seen[only.digest] = write.entry.id
        return outcome


async def test_the_race_would_catch_a_store_that_looks_a_mark_up_before_it_inserts(path):
    store = SqliteStore.open(path)
    assert winners(await contest(LooksUpFirst(store), 50)) > 1
    await store.close()


async def test_the_race_would_catch_an_insert_that_does_not_ask_what_it_did(path, monkeypatch):
    always = statements.MARK.replace("DO NOTHING RETURNING use", "DO UPDATE SET use = use RETURNING use")
    monkeypatch.setattr(statements, "MARK", always)
    store = SqliteStore.open(path)
    assert winners(await contest(store, 50)) == 50
    await store.close()


# kill -9


@pytest.mark.req("B-21")
@pytest.mark.hostile("F01")
async def test_killed_before_commit_nothing_was_used_and_a_retry_succeeds(path):
    killed(write_and_pause, path, until=lambda report: report.recv(), at="before")

    store = SqliteStore.open(path)
    assert await store.entry("d1") is None
    assert await store.write(simple_write("d2")) == Committed()
    await store.close()


@pytest.mark.req("B-21", "G-20")
@pytest.mark.hostile("F02")
async def test_killed_after_commit_before_the_answer_the_mark_is_used_and_on_record(path):
    killed(write_and_pause, path, until=lambda report: report.recv(), at="after")

    store = SqliteStore.open(path)
    assert (await store.entry("d1")).entry.outcome == "granted"
    outcome = await store.write(simple_write("d2"))
    assert isinstance(outcome, Lost)
    assert outcome.winner == "d1"
    assert await store.write(written("d3", mark("a fresh grant"))) == Committed()
    await store.close()


async def test_whatever_was_answered_survives_kill_nine_under_load(path):
    answered: set[str] = set()
    for name in ("first", "second"):
        report = killed(
            write_under_load, path, name=name, until=lambda report: answered.update(report.recv() for _ in range(300))
        )
        while report.poll():
            try:
                answered.add(report.recv())
            except EOFError:
                break

    rows = await history(path)
    assert verify(rows) is None
    recorded = {row.entry.id for row in rows}
    assert answered <= recorded
    with sqlite3.connect(path) as raw:
        tokens = {digest for (digest,) in raw.execute("SELECT digest FROM issued")}
        marks = {decision_id for (decision_id,) in raw.execute("SELECT decision_id FROM marks")}
    raw.close()
    assert tokens == {sha256(decision_id.encode()).digest() for decision_id in recorded}
    assert marks == recorded
