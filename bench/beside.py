"""Redemptions while a simulation runs at the same service: how long they take without it
and beside it, in turns.

`python -m bench.beside --decisions 200000 --rounds 5`
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import grpc
from bench.measured import made_folder, started
from bench.simulation import COLUMNS
from bench.steady import RATE, quantile, redemptions

from grantd.v1 import governance_pb2 as pb
from grantd.v1.governance_pb2_grpc import GovernanceServiceStub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.measured import Server

WINDOW: Final = 10.0
"""Seconds of load, each time."""
DAY_MS: Final = 86_400_000


def copied(database: Path, count: int) -> None:
    """Adds decisions of the last week with the content of those on record, under ids and
    times of their own."""
    with closing(sqlite3.connect(database, timeout=60)) as connection:
        told = connection.execute(
            "SELECT rpc, outcome, reason, issuer, client, subject, chain, body FROM records WHERE rpc = 'RedeemGrant'"
        ).fetchall()
        now_ms = int(time.time() * 1000)
        for number in range(count):
            *columns, raw = told[number % len(told)]
            at_ms = now_ms - 7 * DAY_MS + 7 * DAY_MS * number // count
            decision_id = f"d{at_ms:012x}{number:020x}"
            body = json.dumps(json.loads(raw) | {"id": decision_id}, separators=(",", ":")).encode()
            place = ("bench", 1, number + 1, bytes(32), bytes(32), at_ms // DAY_MS)
            connection.execute(
                f"INSERT INTO records ({COLUMNS}) VALUES ({', '.join('?' * 16)})",
                (decision_id, at_ms * 1000, *columns, body, *place),
            )
        connection.commit()


@contextlib.asynccontextmanager
async def simulating(server: Server) -> AsyncIterator[None]:
    """The bundle in force is simulated, again and again, until the end of the block."""

    async def again(stub: GovernanceServiceStub) -> None:
        while True:
            options = pb.SimulateOptions(since=int(time.time()) - 8 * 86_400)
            async for answer in stub.Simulate(iter([pb.SimulateRequest(options=options)])):
                under_way.set()
                if answer.WhichOneof("part") == "result" and answer.result.changed:
                    raise RuntimeError("the bundle in force changed something; nothing was measured")

    under_way = asyncio.Event()
    async with grpc.aio.insecure_channel(server.admin) as channel:
        work = asyncio.create_task(again(GovernanceServiceStub(channel)))
        first = asyncio.create_task(under_way.wait())
        await asyncio.wait({work, first}, return_when=asyncio.FIRST_COMPLETED)
        try:
            yield
        finally:
            first.cancel()
            if work.done():
                work.result()
            work.cancel()
            await asyncio.wait({work})


async def main(decisions: int, rounds: int) -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory() as folder:
        place = made_folder(Path(folder) / "bench")
        server = await started(place)
        try:
            await redemptions(server, WINDOW, [])
            await asyncio.to_thread(copied, place / "grantd.db", decisions)
            alone: list[float] = []
            beside: list[float] = []
            ratios: list[float] = []
            for _ in range(rounds):
                apart: list[float] = []
                together: list[float] = []
                await redemptions(server, WINDOW, apart)
                async with simulating(server):
                    await redemptions(server, WINDOW, together)
                ratios.append(quantile(together, 0.5) / quantile(apart, 0.5))
                alone += apart
                beside += together
        finally:
            server.process.terminate()
            await server.grpc.close()
            await server.process.wait()
    print(
        f"{decisions:,} decisions on record; {RATE} redemptions a second; {rounds} rounds of {WINDOW:.0f} s each; ",
        end="",
    )
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print("| RedeemGrant | p50 ms | p99 ms | longest ms |\n|---|---|---|---|")
    for name, seconds in (("alone", alone), ("beside a simulation", beside)):
        print(f"| {name} | {quantile(seconds, 0.5):.1f} | {quantile(seconds, 0.99):.1f} | {1000 * max(seconds):.1f} |")
    print(f"\nRatio of p50, median over rounds: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--decisions", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    asyncio.run(main(arguments.decisions, arguments.rounds))
