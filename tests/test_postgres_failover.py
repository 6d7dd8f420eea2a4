"""A primary and its synchronous standby, two real servers: the primary dies under load, the
standby is promoted. Nothing is redeemed twice, every token is on record, calls are answered again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncpg
import pytest

from grantd_server.audit.chain import verify
from grantd_server.store import Committed, Lost, OutcomeUnknown, StoreUnavailable
from grantd_server.store.postgres.connection.link import Place
from grantd_server.store.postgres.store import PostgresStore
from patience_ import LONG, hurried, hurry_one_commit, stopwatch
from store_values import buried, digest, mark, token, write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from failover_ import Pair

BACK = 5.0
"""Seconds from the promotion to the first answered call, at most."""
PATIENCE = 1.0
"""Seconds that a store waits for an answer of servers that die."""


@pytest.fixture
async def replicas(pair: Pair) -> AsyncIterator[list[PostgresStore]]:
    stores = [PostgresStore(Place(pair.url, patience=LONG), writer=f"replica-{number}") for number in range(3)]
    yield stores
    await asyncio.gather(*(store.close() for store in stores))


@dataclass
class Load:
    """Grants, each presented to two replicas at once, until it is told to stop."""

    stores: list[PostgresStore]
    answers: dict[str, list[tuple[str, object]]] = field(default_factory=dict)
    """For each grant the decision ids and what became of them."""
    granted_at: list[float] = field(default_factory=list)
    stopped: bool = False

    async def run(self, worker: int) -> None:
        turn = 0
        while not self.stopped:
            turn += 1
            jti = f"{worker}-{turn}"
            self.answers[jti] = list(await asyncio.gather(*(self._present(jti, part) for part in range(2))))
            await asyncio.sleep(0.005)

    async def _present(self, jti: str, part: int) -> tuple[str, object]:
        decision_id = f"{jti}-{part}"
        store = self.stores[(hash(jti) + part) % len(self.stores)]
        try:
            outcome: object = await store.write(write(decision_id, mark(jti), issued=(token(decision_id),)))
        except (StoreUnavailable, OutcomeUnknown) as fault:
            return decision_id, type(fault) if isinstance(fault, OutcomeUnknown) else StoreUnavailable
        if isinstance(outcome, Committed):
            self.granted_at.append(time.monotonic())
        return decision_id, outcome

    def ids(self, kind: object) -> set[str]:
        return {
            decision_id
            for pair in self.answers.values()
            for decision_id, outcome in pair
            if outcome is kind or (isinstance(kind, type) and isinstance(outcome, kind))
        }


async def present_again(store: PostgresStore, load: Load) -> set[str]:
    """Presents every grant once more; the grants that were free."""
    jtis = list(load.answers)
    outcomes = await asyncio.gather(
        *(store.write(write(f"again-{jti}", mark(jti), deadline=time.monotonic() + LONG)) for jti in jtis)
    )
    return {jti for jti, outcome in zip(jtis, outcomes, strict=True) if isinstance(outcome, Committed)}


@pytest.mark.req("B-20", "B-21", "A-49")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
async def test_a_primary_that_ends_under_load_costs_no_grant_and_no_record(
    pair: Pair, replicas: list[PostgresStore], end: signal.Signals
) -> None:
    load = Load(replicas)
    async with contextlib.AsyncExitStack() as hurry:
        for store in replicas:
            hurry.enter_context(hurried(store, PATIENCE))
        workers = [asyncio.create_task(load.run(number)) for number in range(8)]
        await asyncio.sleep(1)
        ended = time.monotonic()
        pair.end_primary(end)
        await asyncio.sleep(0.3)
        await asyncio.to_thread(pair.standby.promote)
        promoted = time.monotonic()
        async with stopwatch() as watch:
            while not any(at > promoted for at in load.granted_at):
                assert watch.seconds < BACK
                await asyncio.sleep(0.02)
        back = next(at for at in load.granted_at if at > promoted)
        await asyncio.sleep(1)
        load.stopped = True
        await asyncio.gather(*workers)
    pair.end_primary(signal.SIGKILL)  # what follows only looks: it waits for no frozen one

    granted, unknown = load.ids(Committed), load.ids(OutcomeUnknown)
    for jti, both in load.answers.items():
        assert sum(isinstance(outcome, Committed) for _, outcome in both) <= 1, f"{jti} was redeemed twice"
    rows = [row async for row in replicas[0].history()]
    assert verify(rows) is None
    recorded = {row.entry.id for row in rows if row.entry.outcome == "granted"}
    assert granted <= recorded, "no token without its record"
    assert recorded - granted <= unknown, "nothing is on record that nobody was told of"
    for row in (row for row in rows if row.entry.outcome == "refused"):
        assert row.entry.body.decode().strip('"') in recorded, "who lost, lost to somebody on record"
    gone = await buried(replicas[0])
    assert {digest(each) for each in unknown & recorded} <= gone, "tokens that nobody was given"
    assert not gone & {digest(each) for each in granted}
    free = await present_again(replicas[1], load)
    assert not free & {each.rpartition("-")[0] for each in recorded}
    print(
        f"{len(load.answers)} grants: {len(granted)} redeemed, {len(unknown)} unknown ({len(unknown & recorded)} took effect), "
        f"{len(load.ids(StoreUnavailable))} unavailable; answered again {back - ended:.2f} s after the end, {back - promoted:.2f} s after the promotion"
    )


async def test_a_commit_that_the_standby_may_not_have_is_unknown(pair: Pair, replicas: list[PostgresStore]) -> None:
    """A cancelled wait for the standby answers COMMIT, with a warning."""
    store = replicas[0]
    assert await store.write(write("d0", mark("before"))) == Committed()
    pid = (await store._database.writer.connected()).get_server_pid()
    raw = await asyncpg.connect(pair.primary.url("postgres"))
    try:
        for pid_of_standby in pair.standby.processes():
            os.kill(pid_of_standby, signal.SIGSTOP)
        waiting = asyncio.create_task(store.write(write("d1", mark(), issued=(token(),))))
        while await raw.fetchval("SELECT wait_event FROM pg_stat_activity WHERE pid = $1", pid) != "SyncRep":  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
        assert await raw.fetchval("SELECT pg_cancel_backend($1)", pid)
        with pytest.raises(OutcomeUnknown):
            await waiting
    finally:
        for pid_of_standby in pair.standby.processes():
            os.kill(pid_of_standby, signal.SIGCONT)
        await raw.close()
    again = await replicas[1].write(write("d2", mark()))
    assert isinstance(again, Lost)
    await asyncio.wait_for(asyncio.shield(store._window._running), LONG)
    assert digest("token-1") in await buried(replicas[1])


async def test_a_standby_that_does_not_answer_makes_every_outcome_unknown_in_bounded_time(
    pair: Pair, replicas: list[PostgresStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await replicas[0].write(write("d0", mark("before"))) == Committed()
    stopped = pair.standby.processes()
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    hurry_one_commit(monkeypatch, replicas[0], PATIENCE)
    async with stopwatch() as watch:
        with pytest.raises(OutcomeUnknown):
            await replicas[0].write(write("d1", mark()))
    assert watch.seconds < 2 * PATIENCE
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    while True:
        with contextlib.suppress(StoreUnavailable, OutcomeUnknown):
            outcome = await replicas[1].write(write(f"d{time.monotonic_ns()}", mark()))
            break
    assert outcome == Lost(mark(), "d1")
