"""Our keys change while honest calls go on: none fails, and what is withdrawn is
withdrawn at once."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import jwt
import pytest

import organisation as org
from grantd.v1 import metadata_pb2 as mpb
from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.ring import KeyRing
from grantd_server.keys.own.rotation import Rotation, RotationRefused, Schedule
from house import House
from leg_one import exchanged
from leg_two import TICKETS_SERVER, active, introspected, redeemed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from leg_one import Outcome

USES = [(org.GRANTS, Purpose.GRANT_SIGNING), (org.SERVER, Purpose.ACCESS_TOKEN)]
LEAD, KEEP = Schedule().lead, Schedule().keep


@dataclass
class Traffic:
    """Sign-ins that become grants and tokens, one after the other."""

    house: House
    tokens: list[str] = field(default_factory=list)
    failed: list[object] = field(default_factory=list)

    async def one(self) -> str:
        granted = await exchanged(self.house)
        steps: list[Outcome] = [granted]
        if granted.status == "OK":
            steps.append(await redeemed(self.house, granted.answer.token))
        if steps[-1].status == "OK":
            self.tokens.append(steps[-1].answer.access_token)
            steps.append(await introspected(self.house, self.tokens[-1], client=TICKETS_SERVER))
        if len(steps) < 3 or not steps[-1].answer.active:
            self.failed.append(steps[-1].record)
        return self.tokens[-1]

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Traffic around a block, some of it before and some after."""
        over = False

        async def run() -> None:
            while not over:
                await self.one()

        await self.one()
        tasks = [asyncio.create_task(run()) for _ in range(2)]
        try:
            yield
            for _ in range(4):
                await self.one()
        finally:
            over = True
            await asyncio.gather(*tasks)


async def listed(house: House, issuer: str) -> set[str]:
    """The kids that are published, over both ways in."""
    over_grpc = await house.metadata().GetJwks(mpb.GetJwksRequest(issuer=issuer))
    over_http = (await house.http.get(f"{issuer}/jwks.json")).json()["keys"]
    assert {key.kid for key in over_grpc.keys} == {key["kid"] for key in over_http}
    return {key["kid"] for key in over_http}


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def steps_of(house: House) -> tuple[KeyRing, Rotation]:
    ring = house.parts.world.ring
    return ring, Rotation(ring._directory, Schedule())


@pytest.mark.req("E-18", "E-17", "E-19")
async def test_keys_rotate_without_one_failed_honest_call(house: House) -> None:
    traffic, (ring, rotation) = Traffic(house), steps_of(house)
    old = {use: ring.signer(*use).kid for use in USES}

    async with traffic.going_on():
        for use in USES:
            rotation.publish(*use, house.now)
        await asyncio.to_thread(ring.reload)
    copies = {issuer: await listed(house, issuer) for issuer, _ in USES}
    for use in USES:
        assert ring.signer(*use).kid == old[use], "published and not used yet"
        assert len(copies[use[0]]) == 2
        with pytest.raises(RotationRefused, match="wait"):
            rotation.activate(*use, house.now)

    async with traffic.going_on():
        for use in USES:
            rotation.activate(*use, house.now + LEAD)
        await asyncio.to_thread(ring.reload)
    token = await traffic.one()
    assert kid_of(token) != old[USES[1]]
    for issuer, purpose in USES:
        signing = ring.signer(issuer, purpose).kid
        assert signing in copies[issuer], "a copy as old as may be kept knows the key before it signs"
        assert old[issuer, purpose] in await listed(house, issuer), "what it signed lives on"

    first = traffic.tokens[0]
    assert kid_of(first) == old[USES[1]]
    assert await active(house, first)
    with pytest.raises(RotationRefused, match="wait"):
        rotation.remove(*USES[1], old[USES[1]], house.now + LEAD + KEEP - 10)

    async with traffic.going_on():
        for use in USES:
            rotation.remove(*use, old[use], house.now + LEAD + KEEP + 10)
        await asyncio.to_thread(ring.reload)
    for use in USES:
        assert await listed(house, use[0]) == {ring.signer(*use).kid}
    assert not await active(house, first)
    assert await active(house, token)
    assert traffic.failed == []
    assert len(traffic.tokens) > 12


@pytest.mark.req("E-18")
@pytest.mark.hostile("K14")
async def test_a_tainted_key_is_refused_at_once_and_the_next_one_signs(house: House) -> None:
    traffic, (ring, rotation) = Traffic(house), steps_of(house)
    token = await traffic.one()
    unused = (await exchanged(house)).answer.token
    for use in USES:
        rotation.taint(*use, ring.signer(*use).kid, house.now)
    await asyncio.to_thread(ring.reload)

    refused = await redeemed(house, unused)
    assert (refused.public, refused.reason) == ("ASSERTION_INVALID", "ASSERTION_KEY")
    assert not await active(house, token)
    assert kid_of(token) not in await listed(house, org.SERVER)
    assert kid_of(unused) not in await listed(house, org.GRANTS)
    fresh = await traffic.one()
    assert kid_of(fresh) != kid_of(token)
    assert traffic.failed == []


@pytest.mark.req("E-18", "B-04")
async def test_a_grant_outlives_the_retirement_of_its_key(house: House) -> None:
    ring, rotation = steps_of(house)
    use = USES[0]
    grant = (await exchanged(house)).answer.token
    rotation.publish(*use, house.now)
    rotation.activate(*use, house.now, at_once=True)
    ring.reload()
    assert ring.signer(*use).kid != kid_of(grant)
    assert (await redeemed(house, grant)).status == "OK"
