"""kill -9 of a replica at each step of each flow: all of a call took effect or nothing did,
another replica goes on, and clients, database and audit chain agree.

A few steps are tried by `make test`, all of them by `make chaos`.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

import organisation as org
from chaos import kinds
from chaos.checker import agree
from chaos.client import Client
from chaos.cluster import cluster
from chaos.database import Witness
from chaos.evidence import ACTIVE, INACTIVE, TOKEN, UNKNOWN, Call, Outage
from chaos.kinds import HONEST, REPLAYED, RIGHT
from chaos.pauses import PAUSED
from grantd.v1 import authorization_pb2 as pb
from leg_two import DESK

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from chaos.cluster import Cluster, Replica
    from postgres_ import Server

pytestmark = pytest.mark.asyncio(loop_scope="module")

BEFORE = ["store.standing", "store.append", "store.commit"]
AFTER = "store.committed"
QUICK = {("RedeemGrant", "store.commit"), ("RedeemGrant", AFTER)}


def steps(rpc: str, *names: str) -> list[Any]:
    long = pytest.mark.long
    return [pytest.param(name, marks=() if (rpc, name) in QUICK else long) for name in names]


@dataclass
class Scene:
    """One replica that lives, one that is killed, and everything that clients were told."""

    running: Cluster
    url: str
    calls: list[Call] = field(default_factory=list)
    outages: list[Outage] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = Client(self.calls.append)
        self.living, self.victim = self.running.replicas
        self.witness = Witness(self.url)

    async def ask(self, rpc: str, request: Any, kind: str = HONEST, chain: str = "") -> tuple[Call, Any]:
        return await self.client.call(self.living, rpc, request, kind, chain)

    async def killed_at(self, step: str, rpc: str, request: Any, chain: str = "") -> Call:
        """The call to a replica that dies at that step of it."""
        victim: Replica = self.victim
        victim.start("--pause", step, log=self.running.log, stdout=subprocess.PIPE)
        await victim.ready()
        assert victim.process is not None
        assert victim.process.stdout is not None
        calling = asyncio.create_task(self.client.call(victim, rpc, request, HONEST, chain))
        said = await asyncio.wait_for(asyncio.to_thread(victim.process.stdout.readline), 20)
        assert said.decode().strip() == PAUSED
        at = time.monotonic()
        victim.kill()
        self.outages.append(Outage(victim.number, at, time.monotonic(), "kill -9"))
        call, _ = await calling
        assert call.answer == UNKNOWN
        return call

    async def agree(self) -> None:
        verdict = agree(self.calls, await self.witness.testimony(), self.outages, RIGHT)
        assert verdict.holds, verdict.examples


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def scene(migrated: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("steps")
    url = migrated.url(migrated.new_database("grantd_template"))
    async with cluster(folder, url, 2, start=False) as running:
        made = Scene(running, url)
        made.living.start(log=running.log)
        await made.living.ready()
        yield made
        await made.client.close()


@pytest.mark.req("B-20", "B-21", "A-49", "G-20")
@pytest.mark.hostile("F01", "F02")
@pytest.mark.parametrize(
    "step",
    steps(
        "RedeemGrant", "redeem.client", "redeem.assertion", "redeem.subject", "redeem.policy", "redeem.sign",
        "redeem.record", "store.remember", *BEFORE, AFTER,
    ),
)  # fmt: skip
async def test_a_redemption_that_was_killed_left_the_grant_unused_or_the_whole_of_it(scene: Scene, step: str) -> None:
    grant = kinds.partner_grant()
    await scene.killed_at(step, "RedeemGrant", kinds.redemption(grant), grant.chain)
    again, _ = await scene.ask("RedeemGrant", kinds.redemption(grant), "presented again", grant.chain)
    assert again.answer == (REPLAYED if step == AFTER else TOKEN)
    third, _ = await scene.ask("RedeemGrant", kinds.redemption(grant), "used up", grant.chain)
    assert third.answer == REPLAYED
    await scene.agree()


@pytest.mark.req("B-21")
@pytest.mark.parametrize(
    "step",
    steps(
        "ExchangeIdentity", "exchange.client", "exchange.subject", "exchange.target", "exchange.policy",
        "exchange.sign", "exchange.record", *BEFORE, AFTER,
    ),
)  # fmt: skip
async def test_an_exchange_that_was_killed_is_on_record_or_never_was_and_works_elsewhere(
    scene: Scene, step: str
) -> None:
    request = kinds.exchange(org.id_token(int(time.time())))
    await scene.killed_at(step, "ExchangeIdentity", request)
    again, answer = await scene.ask("ExchangeIdentity", request)
    assert again.answer == TOKEN
    grant = kinds.Grant(answer.token, again.chain)
    redeemed, _ = await scene.ask("RedeemGrant", kinds.redemption(grant), chain=grant.chain)
    assert redeemed.answer == TOKEN
    await scene.agree()


@pytest.mark.req("C-39")
@pytest.mark.parametrize(
    "step", steps("RevokeToken", "revoke.client", "revoke.token", "revoke.record", "store.commit", AFTER)
)
async def test_a_revocation_that_was_killed_is_known_everywhere_or_never_was(scene: Scene, step: str) -> None:
    grant = kinds.partner_grant()
    _, answer = await scene.ask("RedeemGrant", kinds.redemption(grant), chain=grant.chain)
    token = answer.access_token
    revocation = pb.RevokeTokenRequest(issuer=org.SERVER, client=DESK, token=token)
    await scene.killed_at(step, "RevokeToken", revocation, grant.chain)
    asked = kinds.introspection(token)
    asked.consistency = pb.CONSISTENCY_FULL
    call, _ = await scene.ask("IntrospectToken", asked, "revoked, or not")
    assert call.answer == (INACTIVE if step == AFTER else ACTIVE)
    await scene.ask("RevokeToken", revocation, HONEST, grant.chain)
    call, _ = await scene.ask("IntrospectToken", asked, "revoked")
    assert call.answer == INACTIVE
    await scene.agree()


@pytest.mark.parametrize("step", steps("IntrospectToken", "introspect.asker", "introspect.token"))
async def test_an_introspection_that_was_killed_leaves_nothing(scene: Scene, step: str) -> None:
    grant = kinds.partner_grant()
    _, answer = await scene.ask("RedeemGrant", kinds.redemption(grant), chain=grant.chain)
    asked = kinds.introspection(answer.access_token)
    await scene.killed_at(step, "IntrospectToken", asked)
    call, _ = await scene.ask("IntrospectToken", asked)
    assert call.answer == ACTIVE
    await scene.agree()
