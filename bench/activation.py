"""Redemptions while a bundle of many rules is put in force: how long they take before,
and during."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING, Any, Final

import grpc
import yaml
from bench.measured import made_folder, started
from bench.work import SERVICE, Work, check

import organisation as org
from grantd.v1 import authorization_pb2 as pb
from grantd_server.governance.activation.ahead import put_ahead
from grantd_server.governance.document import canonical, version_of
from grantd_server.store import Entry
from grantd_server.store.opening import Opening
from grantd_server.store.postgres.connection.link import Place
from grantd_server.store.postgres.store import PostgresStore
from grantd_server.store.upgrading import upgrade_database

if TYPE_CHECKING:
    from pathlib import Path

    from bench.measured import Server

    from postgres_ import Server as Postgres

REFUSED_STREAM: Final = "RST_STREAM with error code 7"
RATE: Final = 100
"""Redemptions a second: a service that is used, and not flooded."""
BEFORE: Final = 10.0
DURING: Final = 15.0
"""Seconds from the moment on at which the bundle is stored: it is compiled ahead, then put in force."""


def with_rules(count: int) -> bytes:
    """The test company's bundle with so many rules beside its own, as the store keeps it."""
    bundle: dict[str, Any] = yaml.safe_load(yaml.safe_dump(org.bundle()))
    bundle["grants"]["grants"] += [
        {
            "id": f"rule-{number:05}",
            "effect": "allow",
            "subjects": {"groups": [f"corp:group-{number}"]},
            "clients": ["desk"],
            "resources": ["tickets"],
            "scopes": ["tickets:read"],
        }
        for number in range(count)
    ]
    return canonical(bundle)


async def activation(postgres: Postgres, folder: Path, rules: int) -> None:
    """Prints p50 and p99 of RedeemGrant before and during."""
    database = postgres.new_database()
    url = postgres.url(database)
    await asyncio.to_thread(upgrade_database, Opening(url, "bench/cli"))
    server = await started(made_folder(folder), store={"url": url}, replica="bench")
    store = PostgresStore(Place(url), writer="bench/cli")
    try:
        document = with_rules(rules)
        await _load(server, 2.0, [])
        before: list[float] = []
        await _load(server, BEFORE, before)
        during: list[float] = []
        loading = asyncio.create_task(_load(server, DURING, during))
        active = await store.active_bundle()
        assert active is not None
        await put_ahead(store, version_of(document), document, "bench", "growth")
        await store.activate(version_of(document), active[0], _entry())
        await loading
    finally:
        await store.close()
        server.process.terminate()
        await server.grpc.close()
        await server.process.wait()
    print("| RedeemGrant | p50 ms | p99 ms | longest ms |\n|---|---|---|---|")
    for name, seconds in (("before", before), (f"while {rules:,} rules are activated", during)):
        print(f"| {name} | {_at(seconds, 0.5):.1f} | {_at(seconds, 0.99):.1f} | {1000 * max(seconds):.1f} |")


async def _load(server: Server, seconds: float, taken: list[float]) -> None:
    """Redeems at a steady rate, whatever each takes."""
    bodies = Work(int(seconds * RATE)).redeem()
    began, calls = time.monotonic(), []
    for number, body in enumerate(bodies):
        await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
        channel = server.grpc.channels[number % len(server.grpc.channels)]
        calls.append(asyncio.create_task(_redeem(channel, body, taken)))
    await asyncio.gather(*calls)


async def _redeem(channel: grpc.aio.Channel, body: bytes, taken: list[float]) -> None:
    began = time.monotonic()
    call: Any = channel.unary_unary(SERVICE + "RedeemGrant")
    try:
        answer = await call(body, timeout=20)
    except grpc.aio.AioRpcError as error:
        if REFUSED_STREAM not in str(error.details()):
            raise
        answer = await call(body, timeout=20)  # never looked at: clients send it again
    taken.append(time.monotonic() - began)
    check(bool(pb.RedeemGrantResponse.FromString(answer).access_token))


def _at(seconds: list[float], share: float) -> float:
    return 1000 * statistics.quantiles(seconds, n=1000)[int(share * 1000) - 1]


def _entry() -> Entry:
    number = time.time_ns()
    return Entry(f"dbench{number}", number // 1000, "Bench", "applied", "", "", "", "", "", b'{"v":1}')
