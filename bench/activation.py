"""Redemptions while a bundle of many rules is put in force: how long they take before,
and during."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Final

import yaml
from bench.measured import made_folder, started
from bench.steady import quantile, redemptions

import organisation as org
from grantd_server.governance.activation.ahead import put_ahead
from grantd_server.governance.document import canonical, version_of
from grantd_server.store import Entry
from grantd_server.store.opening import Opening
from grantd_server.store.postgres.connection.link import Place
from grantd_server.store.postgres.store import PostgresStore
from grantd_server.store.upgrading import upgrade_database

if TYPE_CHECKING:
    from pathlib import Path

    from postgres_ import Server as Postgres

BEFORE: Final = 10.0
DURING: Final = 15.0
"""Seconds from the moment on at which the bundle is stored: it is compiled ahead, then put in force."""


def with_rules(count: int) -> bytes:
    """The test company's bundle with so many rules beside its own, as the store keeps it."""
    bundle: dict[str, Any] = yaml.saferedemptions(yaml.safe_dump(org.bundle()))
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
        await redemptions(server, 2.0, [])
        before: list[float] = []
        await redemptions(server, BEFORE, before)
        during: list[float] = []
        loading = asyncio.create_task(redemptions(server, DURING, during))
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
        print(f"| {name} | {quantile(seconds, 0.5):.1f} | {quantile(seconds, 0.99):.1f} | {1000 * max(seconds):.1f} |")


def _entry() -> Entry:
    number = time.time_ns()
    return Entry(f"dbench{number}", number // 1000, "Bench", "applied", "", "", "", "", "", b'{"v":1}')
