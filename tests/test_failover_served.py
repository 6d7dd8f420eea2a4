"""Served replicas over HTTP while their primary dies and its standby is promoted: no grant gives two
tokens, every token is on record, and clients are answered again."""

from __future__ import annotations

import asyncio
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncpg
import httpx2
import pytest

import organisation as org
from case_transports import GRANT_TYPES
from grantd_server.audit.chain import verify
from grantd_server.checks import chain_of
from grantd_server.store.opening import Opening, open_store
from patience_ import LONG, stopwatch
from redeeming import new_grants
from replicas import replicas
from worker_programs import until

if TYPE_CHECKING:
    from pathlib import Path

    from failover_ import Pair

BACK = 10.0
"""Seconds from the promotion to the first token, at most: `store.timeout`, and connections made anew."""
HOST = {"host": org.SERVER.removeprefix("https://")}


@dataclass
class Told:
    """One presentation: when and how it was answered."""

    at: float
    status: int
    decision: str
    token: str


@dataclass
class Clients:
    """Present each grant to both replicas at once, until they are told to stop."""

    ways: list[httpx2.AsyncClient]
    told: dict[str, list[Told]] = field(default_factory=dict)
    """By the chain of the grant."""
    stopped: bool = False

    async def run(self) -> None:
        while not self.stopped:
            ((jti, grant),) = new_grants(1).items()
            both = await asyncio.gather(*(self._present(way, grant) for way in self.ways))
            self.told[chain_of(org.PARTNER, jti)] = list(both)

    async def _present(self, way: httpx2.AsyncClient, grant: str) -> Told:
        form = {"grant_type": GRANT_TYPES["redeem"], "assertion": grant}
        answer = await way.post("/token", data=form, auth=("cli_desk", org.TOOLS_SECRET), headers=HOST)
        decision = answer.headers.get("x-grantd-decision-id", "")
        return Told(time.monotonic(), answer.status_code, decision, answer.json().get("access_token", ""))

    def tokens(self) -> list[Told]:
        return [told for both in self.told.values() for told in both if told.status == 200]


@pytest.mark.req("B-20", "B-21", "B-22", "A-49")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
async def test_clients_are_answered_again_by_the_standby_and_nothing_is_redeemed_twice(
    pair: Pair, tmp_path: Path, end: signal.Signals
) -> None:
    async with replicas(tmp_path, pair.url, ("a", "b")) as running:
        ways = [httpx2.AsyncClient(base_url=f"http://{each.http}", timeout=LONG) for each in running]
        clients = Clients(ways)
        working = [asyncio.create_task(clients.run()) for _ in range(6)]
        await until(lambda: len(clients.tokens()) > 20)
        pair.end_primary(end)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(pair.standby.promote)
        promoted = time.monotonic()
        async with stopwatch() as watch:
            while not any(told.at > promoted for told in clients.tokens()):
                assert watch.seconds < BACK
                await asyncio.sleep(0.02)
        back = next(told.at for told in clients.tokens() if told.at > promoted) - promoted
        await asyncio.sleep(1)
        clients.stopped = True
        await asyncio.gather(*working)
        first = clients.tokens()[0].token
        form = {"token": first}
        for way in ways:
            answer = await way.post("/introspect", data=form, auth=("rs-tickets", org.RS_SECRET), headers=HOST)
            assert answer.json()["active"] is True, "what was given before the end is good after it"
            await way.aclose()
    pair.end_primary(signal.SIGKILL)
    await _agree(clients, pair)
    print(f"{len(clients.told)} grants, {len(clients.tokens())} tokens; answered {back:.2f} s after the promotion")


async def _agree(clients: Clients, pair: Pair) -> None:
    """What clients were told, and what the promoted standby has on record."""
    url = pair.standby.url("postgres")
    raw = await asyncpg.connect(url)
    rows = await raw.fetch("SELECT id, chain FROM records WHERE rpc = 'RedeemGrant' AND outcome = 'granted'")
    await raw.close()
    recorded = {row["chain"]: row["id"] for row in rows}
    assert len(recorded) == len(rows), "no grant is on record twice"
    statuses = set()
    for chain, both in clients.told.items():
        given = [told for told in both if told.status == 200]
        statuses |= {told.status for told in both}
        assert len(given) <= 1, "two tokens of one grant"
        if given:
            assert recorded[chain] == given[0].decision, "a token without its record"
        elif chain in recorded:
            assert 503 in {told.status for told in both}, "a record that nobody was told of"
    assert statuses <= {200, 400, 503}
    store = open_store(Opening(url, "reader"))
    try:
        assert verify([row async for row in store.history()]) is None
    finally:
        await store.close()
