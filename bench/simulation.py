"""Simulation of many recorded decisions: how long, how many a second, how much memory.

`python -m bench.simulation --decisions 1000000` makes a company with random rules, lets
the code that decides write so many records, simulates the bundle in force, which must
change nothing, and then a candidate with one rule less.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import copy
import json
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import company_
import decided_
from grantd_server.governance.document import canonical, version_of
from grantd_server.simulation.running.simulator import Simulator
from grantd_server.store.opening import Opening
from grantd_server.store.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.simulation.report.result import Result

DISTINCT: Final = 20_000
"""Decisions that are made; the others have their content, under ids and times of their own."""
WEEK_MS: Final = 7 * 86_400_000
COLUMNS: Final = (
    "id, time_us, rpc, outcome, reason, issuer, client, subject, chain, body, "
    "writer, writer_epoch, seq, prev_hash, hash, day"
)


@dataclass(frozen=True)
class Made:
    """A database with decisions of the last week."""

    url: str
    content: dict[str, Any]
    until: float


def decisions(count: int, until_ms: int) -> tuple[dict[str, Any], Iterator[tuple[Any, ...]]]:
    """A company, and rows of its records."""
    chance = company_.seeded("bench")
    content = company_.document(chance, 40)
    _, snapshot = decided_.compiled(content)
    bodies = [json.loads(record.body) for record in decided_.happenings(snapshot, chance, min(DISTINCT, count))]

    def rows() -> Iterator[tuple[Any, ...]]:
        for number in range(count):
            body = bodies[number % len(bodies)]
            at_ms = until_ms - WEEK_MS + WEEK_MS * number // count
            body["id"] = decision_id = f"d{at_ms:012x}{number:020x}"
            told = (body["outcome"], body.get("reason", ""), body["issuer"], body["client"], body.get("subject", ""))
            raw = json.dumps(body, separators=(",", ":")).encode()
            place = ("bench", 1, number + 1, bytes(32), bytes(32), at_ms // 86_400_000)
            yield (decision_id, at_ms * 1000, body["rpc"], *told, "", raw, *place)

    return content, rows()


def most_used(content: dict[str, Any]) -> str:
    """The rule on leg 1 that granted the most scopes."""
    _, snapshot = decided_.compiled(content)
    records = decided_.happenings(snapshot, company_.seeded("most used"), 2000)
    used = Counter(rule for record in records for rule in json.loads(record.body).get("rules", {}).values())
    return next(rule for rule, _ in used.most_common() if rule.startswith("grant-"))


async def made(folder: Path, count: int) -> Made:
    """Fills a new SQLite file, past the window: nobody waits for these calls."""
    path, until_ms = folder / "grantd.db", int(time.time() * 1000)
    content, rows = decisions(count, until_ms)
    document = canonical(content)
    store = SqliteStore.open(path)
    await store.put_bundle(version_of(document), document, "bench", "bench")
    await store.close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA synchronous = OFF")
        database.executemany(f"INSERT INTO records ({COLUMNS}) VALUES ({', '.join('?' * 16)})", rows)
        database.commit()
    return Made(f"sqlite:///{path}", content, until_ms / 1000 + 1)


async def measured(made_: Made, content: dict[str, Any], processes: int) -> tuple[Result, float, float, int]:
    """The result, its seconds, the CPU seconds of the children, and their largest memory together."""
    keys = {key.key_id: base64.urlsafe_b64encode(bytes([n]) * 32).decode() for n, key in enumerate(decided_.KEYS, 1)}
    simulator = Simulator(Opening(made_.url, "bench"), lambda: keys, processes)
    peak = asyncio.create_task(_peak())
    began, cpu = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    result = await simulator.simulate(
        canonical(content), made_.until - WEEK_MS / 1000 - 60, made_.until, progress=_told
    )
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    peak.cancel()
    sys.stderr.write("\n")
    return result, seconds, after.ru_utime + after.ru_stime - cpu.ru_utime - cpu.ru_stime, _largest[0]


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


_largest = [0]


async def _peak() -> None:
    _largest[0] = 0
    ours = psutil.Process()
    while True:
        used = 0
        for child in ours.children():
            try:
                used += child.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        _largest[0] = max(_largest[0], used)
        await asyncio.sleep(0.25)


def _told(done: int, total: int) -> None:
    sys.stderr.write(f"\r{done:,} of {total:,}")


async def main(count: int, processes: int) -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        filled = await made(Path(folder), count)
        size = _size(Path(folder))
        print(f"{count:,} records, {size / 1e9:.1f} GB, written in {time.monotonic() - began:.0f} s; ", end="")
        print(f"{processes} processes; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
        print(
            "| candidate | minutes | decisions/s | decisions/s of CPU | memory MB | same | changed | undetermined | skipped |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        less = copy.deepcopy(filled.content)
        gone = most_used(filled.content)
        less["grants"]["home"] = [rule for rule in less["grants"]["home"] if rule["id"] != gone]
        for name, content in (("in force", filled.content), (f"without {gone}", less)):
            result, seconds, cpu, memory = await measured(filled, content, processes)
            print(
                f"| {name} | {seconds / 60:.1f} | {count / seconds:,.0f} | {count / cpu:,.0f} | {memory / 1e6:.0f} "
                f"| {result.same:,} | {result.changed:,} | {result.undetermined:,} | {result.skipped:,} |",
                flush=True,
            )
            if name == "in force" and result.changed + result.undetermined:
                sys.exit("the bundle in force changed something")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=1_000_000)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    asyncio.run(main(arguments.decisions, arguments.processes))
