"""The flows on three replicas of one PostgreSQL: once, on record, and blocked everywhere."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import grpc
import pytest

import organisation as org
from grantd.v1 import authorization_pb2 as pb
from grantd_server.audit.chain import verify
from grantd_server.store import Withdrawal
from grantd_server.store.postgres.connection.link import Place
from grantd_server.store.postgres.store import PostgresStore
from house import House, act, running
from leg_two import DESK, active, fresh, introspected, redeemed, robot_at_tools
from patience_ import stopwatch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from postgres_ import Server


@pytest.fixture
async def houses(tmp_path: Path, database: str) -> AsyncIterator[list[House]]:
    """Three replicas whose live state is not followed: it is as old as it can be."""
    async with AsyncExitStack() as stack:
        found: list[House] = []
        for number in range(3):
            store = PostgresStore(Place(database), writer=f"replica-{number}/0")
            document = None if found else org.bundle()
            found.append(await stack.enter_async_context(running(tmp_path, document, store=store)))
        for house in found:
            await house.parts.world.catch_up()
        yield found


async def outcome(house: House, grant: str, transport: str = "grpc") -> str:
    """`token`, or the gRPC status of the refusal."""
    try:
        await house.stub(transport).RedeemGrant(
            pb.RedeemGrantRequest(issuer=org.SERVER, client=DESK, assertion=grant)
        )  # fmt: skip
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "token"


@pytest.mark.req("B-20", "B-21", "F-40")
@pytest.mark.hostile("R01", "R02")
async def test_of_concurrent_redemptions_on_three_replicas_exactly_one_gets_a_token(houses: list[House]) -> None:
    for _ in range(4):
        grant = houses[0].partner_grant(jti=secrets.token_hex(8))
        answers = await asyncio.gather(
            *(outcome(houses[n % 3], grant, ("grpc", "inprocess")[n % 2]) for n in range(30))
        )
        assert sorted(set(answers)) == ["FAILED_PRECONDITION", "token"]
        assert answers.count("token") == 1
    rows = [row async for row in houses[0].store.history()]
    assert verify(rows) is None
    assert sum(row.entry.outcome == "granted" for row in rows) == 4
    assert len({row.writer for row in rows}) == 3
    assert sum(row.entry.rpc == "RedeemGrant" for row in rows) == 120, "every answer is on record"


@pytest.mark.req("B-38", "G-43", "C-39")
@pytest.mark.hostile("C35")
async def test_a_block_is_obeyed_by_a_replica_that_has_not_heard_of_it(houses: list[House]) -> None:
    await houses[0].store.withdraw(Withdrawal("user", "partner|p-77", "left", None), act())
    assert houses[1].parts.world.view.withdrawn("user", "partner|p-77", time.time()) is None, "its feed is paused"
    assert await outcome(houses[1], houses[1].partner_grant(jti=secrets.token_hex(8))) == "FAILED_PRECONDITION"


async def test_a_restored_backup_is_known_to_a_replica_that_has_not_heard_of_it(houses: list[House]) -> None:
    before = houses[1].partner_grant(jti=secrets.token_hex(8))
    restored = Withdrawal("restored", str(int(time.time()) + 1), "disk lost", int(time.time()) + 86400)
    await houses[0].store.withdraw(restored, act())
    assert houses[1].parts.world.view.grants_from == 0
    assert await outcome(houses[1], before) == "FAILED_PRECONDITION"
    assert houses[1].parts.world.view.grants_from == int(restored.name)
    fresh_one = houses[1].partner_grant(jti=secrets.token_hex(8), iat=int(time.time()) + 29)
    await houses[0].store.restore("restored", restored.name, act())
    await houses[0].store.withdraw(Withdrawal("restored", str(int(time.time()) - 5), "again", None), act())
    assert await outcome(houses[2], fresh_one) == "token"


async def test_a_bundle_is_obeyed_by_a_replica_that_has_not_heard_of_it(houses: list[House]) -> None:
    document = org.bundle()
    del document["redemptions"]["tools"][1]  # the rule for the partner
    await houses[0].apply(document)
    assert await outcome(houses[2], houses[2].partner_grant(jti=secrets.token_hex(8))) == "FAILED_PRECONDITION"


@pytest.mark.req("C-38", "C-39")
async def test_a_token_that_was_revoked_on_one_replica_is_dead_on_the_others_within_two_seconds(
    houses: list[House],
) -> None:
    redeemed = await houses[0].stub().RedeemGrant(
        pb.RedeemGrantRequest(
            issuer=org.SERVER, client=DESK, assertion=houses[0].partner_grant(jti=secrets.token_hex(8))
        )
    )  # fmt: skip
    followed = [asyncio.create_task(house.parts.world.view.run()) for house in houses[1:]]
    try:
        asked = pb.RevokeTokenRequest(issuer=org.SERVER, client=DESK, token=redeemed.access_token)
        await houses[0].stub().RevokeToken(asked)
        (jti,) = {each.digest for each in (await houses[0].store.live_state(0)).tombstones}
        async with stopwatch() as watch:
            for house in houses[1:]:
                while not house.parts.world.view.revoked(jti):
                    assert watch.seconds < 2
                    await house.store.changed(0.05)
    finally:
        for task in followed:
            task.cancel()
        await asyncio.gather(*followed, return_exceptions=True)


@pytest.mark.hostile("A07")
async def test_a_client_assertion_used_on_one_replica_is_used_on_the_others(houses: list[House]) -> None:
    proof = robot_at_tools(houses[0])
    answers = await asyncio.gather(
        *(redeemed(house, house.partner_grant(jti=fresh()), client=proof) for house in houses * 2)
    )
    reasons = [answer.record["reason"] for answer in answers]
    assert reasons.count("CLIENT_ASSERTION_REPLAYED") == 5
    again = await redeemed(houses[1], houses[1].partner_grant(jti=fresh()), client=proof)
    assert again.status == "UNAUTHENTICATED"


@pytest.mark.hostile("I11")
async def test_a_view_too_old_calls_nothing_active_while_postgresql_is_gone(
    houses: list[House], migrated: Server
) -> None:
    token = await houses[0].stub().RedeemGrant(
        pb.RedeemGrantRequest(issuer=org.SERVER, client=DESK, assertion=houses[0].partner_grant(jti=fresh()))
    )  # fmt: skip
    assert await active(houses[0], token.access_token)
    migrated.stop()
    try:
        world = houses[0].parts.world
        monotonic = world.view._monotonic
        world.view._monotonic = lambda: monotonic() + world.stale_view + 1
        found = await introspected(houses[0], token.access_token)
        assert found.status == "UNAVAILABLE"
        assert (await redeemed(houses[0], houses[0].partner_grant(jti=fresh()))).status == "UNAVAILABLE"
    finally:
        migrated.start()
