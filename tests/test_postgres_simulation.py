"""A simulation over PostgreSQL: the same decisions, the same answer, page by page."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
from typing import TYPE_CHECKING

import company_
import decided_
from grantd_server.governance.document import canonical, version_of
from grantd_server.simulation.running.simulator import Simulator
from grantd_server.store import Entry, Write
from grantd_server.store.opening import Opening
from grantd_server.store.postgres.connection.link import Place
from grantd_server.store.postgres.store import PostgresStore

if TYPE_CHECKING:
    from decided_ import Recorded

SOME = 700
"""More than a page."""


def entry(record: Recorded) -> Entry:
    body = json.loads(record.body)
    told = (body["outcome"], body.get("reason", ""), body["issuer"], body["client"], body["subject"])
    return Entry(record.id, int(body["time"] * 1_000_000), body["rpc"], *told, "", record.body)


async def test_the_bundle_in_force_changes_nothing_and_another_what_deciding_anew_says(database: str) -> None:
    chance = company_.seeded("postgresql")
    content = company_.document(chance, 16)
    _, snapshot = decided_.compiled(content)
    records = decided_.happenings(snapshot, chance, SOME)
    store = PostgresStore(Place(database), writer="test")
    await store.put_bundle(version_of(canonical(content)), canonical(content), "test", "test")
    for first in range(0, SOME, 100):
        await asyncio.gather(*(store.write(Write(entry(record))) for record in records[first : first + 100]))
    await store.close()

    keys = {key.key_id: base64.urlsafe_b64encode(bytes([n]) * 32).decode() for n, key in enumerate(decided_.KEYS, 1)}
    simulator = Simulator(Opening(database, "simulation"), lambda: keys, 2)
    span = (company_.NOW - 60, company_.NOW + 3600)
    result = await simulator.simulate(canonical(content), *span)
    assert (result.replayed, result.same, result.changed, result.undetermined) == (SOME, SOME, 0, 0)

    closed = copy.deepcopy(content)
    closed["grants"]["home"] = []
    granted = [record for record in records if b'"ExchangeIdentity"' in record.body and b'"granted"' in record.body]
    assert (await simulator.simulate(canonical(closed), *span)).changed == len(granted) > 0
