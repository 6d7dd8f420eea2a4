"""Clocks that jump or drift: whatever a replica takes for the time, nothing is redeemed twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from chaos import kinds
from chaos.checker import agree
from chaos.client import Client
from chaos.cluster import cluster
from chaos.database import Witness
from chaos.evidence import TOKEN, Call
from chaos.kinds import HONEST, RIGHT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from chaos.cluster import Cluster
    from postgres_ import Server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.long]

SKEW = 20
"""Within what is tolerated."""
INVALID = "ASSERTION_INVALID"


@dataclass
class Scene:
    """A replica whose clock is right, the place of another, and what clients were told so far."""

    running: Cluster
    witness: Witness
    calls: list[Call] = field(default_factory=list)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def scene(migrated: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    url = migrated.url(migrated.new_database("grantd_template"))
    async with cluster(tmp_path_factory.mktemp("clocks"), url, 2, start=False) as running:
        running.replicas[0].start(log=running.log)
        await running.replicas[0].ready()
        yield Scene(running, Witness(url))


@pytest.mark.req("G-14", "G-20")
@pytest.mark.hostile("R10")
@pytest.mark.parametrize("ahead", [SKEW, -SKEW, 3600, -3600], ids=str)
async def test_a_replica_with_a_wrong_clock_redeems_nothing_again(scene: Scene, ahead: int) -> None:
    right, wrong = scene.running.replicas
    wrong.start("--clock", str(ahead), log=scene.running.log)
    await wrong.ready()
    client, answers = Client(scene.calls.append), []
    for _ in range(20):
        grant = kinds.partner_grant()
        first, second = (right, wrong) if len(answers) % 2 or abs(ahead) > SKEW else (wrong, right)
        one, _ = await client.call(first, "RedeemGrant", kinds.redemption(grant), HONEST, grant.chain)
        other, _ = await client.call(second, "RedeemGrant", kinds.redemption(grant), "elsewhere", grant.chain)
        answers.append((one.answer, other.answer))
    await client.close()
    wrong.kill()
    refused = kinds.REPLAYED if abs(ahead) <= SKEW else INVALID
    assert set(answers) == {(TOKEN, refused)}
    right_answers = {**RIGHT, "elsewhere": frozenset({kinds.REPLAYED, INVALID})}
    verdict = agree(scene.calls, await scene.witness.testimony(), [], right_answers)
    assert verdict.holds, verdict.examples
