"""What grows must not cost: CPU per request with little and with much in the database.

`make growth`. Each pair runs side by side on one PostgreSQL, each with a database and a
process of its own; every round measures both, and a ratio is the median over rounds.
CPU is that of the service, and that of the PostgreSQL sessions that it has.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import psutil
from bench import fill
from bench.activation import activation
from bench.cpu import spent
from bench.measured import Server, made_folder, started
from bench.work import SERVICE, Work, check

from grantd.v1 import authorization_pb2 as pb
from grantd_server.store.opening import Opening
from grantd_server.store.upgrading import upgrade_database
from postgres_ import postgresql

if TYPE_CHECKING:
    from postgres_ import Server as Postgres

SETTINGS: Final = ("shared_buffers=512MB", "max_wal_size=4GB", "autovacuum_naptime=5s", "synchronous_commit=on")
LIMIT: Final = 1.2
"""What a ratio may be."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One thing that grows, and how far."""

    name: str
    statement: str
    little: int
    much: int


@dataclass
class Side:
    """One of two databases, with the service on it."""

    server: Server
    postgres: Postgres
    database: str
    work: Work

    def database_cpu(self) -> float:
        """CPU seconds of the sessions of this database."""
        assert self.postgres.process is not None
        mine = f" {self.database} "
        total = 0.0
        for session in psutil.Process(self.postgres.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # one that comes and goes, not ours
                if mine in " ".join(session.cmdline()):
                    total += spent(session.pid)
        return total

    async def run(self, rpc: str, bodies: list[bytes]) -> tuple[list[bytes], float]:
        """The answers, and CPU microseconds a call of service and sessions."""
        pid = self.server.process.pid
        before = spent(pid) + self.database_cpu()
        answers = await self.server.grpc.run(SERVICE + rpc, bodies)
        return answers, (spent(pid) + self.database_cpu() - before) * 1e6 / len(bodies)

    async def round(self) -> dict[str, float]:
        """Each RPC once; each answer is checked to be the honest one."""
        found = {}
        answers, found["ExchangeIdentity"] = await self.run("ExchangeIdentity", self.work.exchange())
        check(all(pb.ExchangeIdentityResponse.FromString(answer).token for answer in answers))
        answers, found["RedeemGrant"] = await self.run("RedeemGrant", self.work.redeem())
        self.work.tokens[:] = [pb.RedeemGrantResponse.FromString(answer).access_token for answer in answers]
        check(all(self.work.tokens))
        answers, found["IntrospectToken"] = await self.run("IntrospectToken", self.work.introspect(fresh=True))
        check(all(pb.IntrospectTokenResponse.FromString(answer).active for answer in answers))
        return found


async def side(stack: AsyncExitStack, postgres: Postgres, folder: Path, filling: tuple[str, int], calls: int) -> Side:
    """A migrated, filled database and a warm service on it, until the stack ends."""
    database = postgres.new_database()
    url = postgres.url(database)
    await asyncio.to_thread(upgrade_database, Opening(url, "bench/cli"))
    await fill.fill(url, *filling)
    server = await started(made_folder(folder), store={"url": url}, replica=database)
    stack.push_async_callback(_ended, server)
    made = Side(server, postgres, database, Work(calls))
    warm = Side(server, postgres, database, Work(max(calls // 4, 50)))
    await warm.round()
    return made


async def _ended(server: Server) -> None:
    server.process.terminate()
    await server.grpc.close()
    await server.process.wait()


async def compare(pair: Pair, postgres: Postgres, folder: Path, rounds: int, calls: int) -> bool:
    """Measures one pair and prints its row; whether every ratio is within the limit."""
    async with AsyncExitStack() as stack:
        began = time.monotonic()
        little = await side(stack, postgres, folder / "little", (pair.statement, pair.little), calls)
        much = await side(stack, postgres, folder / "much", (pair.statement, pair.much), calls)
        filled = time.monotonic() - began
        found: list[tuple[dict[str, float], dict[str, float]]] = []
        for number in range(rounds):
            # Who is first has a colder cache: they take turns.
            sides = (little, much) if number % 2 == 0 else (much, little)
            measured = {id(each): await each.round() for each in sides}
            found.append((measured[id(little)], measured[id(much)]))
    within = True
    for rpc in found[0][0]:
        one, other = (statistics.median(both[n][rpc] for both in found) for n in (0, 1))
        ratios = sorted(both[1][rpc] / both[0][rpc] for both in found)
        ratio = statistics.median(ratios)
        within &= ratio <= LIMIT
        print(
            f"| {pair.name}, {pair.little:,} and {pair.much:,} | {rpc} | {one:.0f} | {other:.0f} "
            f"| {ratio:.2f} [{ratios[0]:.2f}..{ratios[-1]:.2f}] |",
            flush=True,
        )
    print(f"filled in {filled:.0f} s", file=sys.stderr)
    return within


async def measure(asked: argparse.Namespace, postgres: Postgres, folder: Path) -> bool:
    pairs = [
        Pair("live marks", fill.MARKS, 1000, asked.marks),
        Pair("records", fill.RECORDS, 1000, asked.records),
        Pair("revocations of an hour", fill.REVOCATIONS, 0, asked.revocations),
        Pair("revocations of one second", fill.BURST, 0, asked.revocations),
    ]
    print("| what, little and much | RPC | us a call | us a call | ratio [min..max] |\n|---|---|---|---|---|")
    within = True
    for number, pair in enumerate(pairs):
        if asked.only in pair.name:
            here = made_folder(folder / f"pair-{number}")
            within &= await compare(pair, postgres, here, asked.rounds, asked.calls)
    if asked.only in "activation":
        print()
        await activation(postgres, folder / "activation", asked.rules)
    return within


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=600)
    parser.add_argument("--marks", type=int, default=1_000_000)
    parser.add_argument("--records", type=int, default=5_000_000)
    parser.add_argument("--revocations", type=int, default=100_000)
    parser.add_argument("--rules", type=int, default=10_000)
    parser.add_argument("--only", default="", help="a part of the name of what is to be measured")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="grantd-growth-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as somebody else where we are root
        with postgresql(folder, *SETTINGS) as postgres:
            return 0 if asyncio.run(measure(asked, postgres, folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
