"""A grant is redeemed once: concurrently, after a restart, through every way in, and
never by a call that failed."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import grpc
import pytest

import organisation as org
from case_tokens import access_token
from grantd import jws
from grantd.v1 import authorization_pb2 as pb
from grantd.v1.client_pb2 import ClientAuthentication
from grantd_server.keys.own.purpose import Purpose
from grantd_server.store import Epochs, Withdrawal
from house import House, act, running
from leg_two import DESK, OTHER, TICKETS_SERVER

if TYPE_CHECKING:
    from pathlib import Path

    from grantd_server.keys.own.signer import Signer


def redeeming(assertion: str, client: ClientAuthentication = DESK) -> pb.RedeemGrantRequest:
    return pb.RedeemGrantRequest(issuer=org.SERVER, client=client, assertion=assertion)


async def outcome(house: House, assertion: str, transport: str = "grpc") -> str:
    """`token`, or the gRPC status of the refusal."""
    try:
        await house.stub(transport).RedeemGrant(redeeming(assertion))
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "token"


@pytest.mark.req("B-20", "B-21", "F-40")
@pytest.mark.hostile("R01", "R02")
@pytest.mark.parametrize("ways", [["grpc"], ["inprocess"], ["grpc", "inprocess"]])
async def test_of_fifty_concurrent_redemptions_exactly_one_gets_a_token(house: House, ways: list[str]) -> None:
    grant = house.partner_grant(jti=secrets.token_hex(8))
    answers = await asyncio.gather(*(outcome(house, grant, ways[n % len(ways)]) for n in range(50)))
    assert sorted(set(answers)) == ["FAILED_PRECONDITION", "token"]
    assert answers.count("token") == 1


@pytest.mark.req("B-20", "G-20")
async def test_a_grant_stays_used_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path, org.bundle()) as house:
        grant = house.partner_grant(jti=secrets.token_hex(8))
        assert await outcome(house, grant) == "token"
    async with running(tmp_path) as house:
        await house.parts.world.catch_up()
        answers = await asyncio.gather(*(outcome(house, grant) for _ in range(50)))
        assert set(answers) == {"FAILED_PRECONDITION"}
        assert await outcome(house, house.partner_grant(jti=secrets.token_hex(8))) == "token"


@pytest.mark.req("B-20")
async def test_the_record_of_a_replay_names_the_winner(house: House) -> None:
    grant = house.partner_grant(jti=secrets.token_hex(8))
    first = house.stub().RedeemGrant(redeeming(grant))
    await first
    winner = dict(await first.trailing_metadata())["x-grantd-decision-id"]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await house.stub().RedeemGrant(redeeming(grant))
    loser = dict(refused.value.trailing_metadata() or ())["x-grantd-decision-id"]
    record = await house.durable(str(loser))
    assert record is not None
    assert record["reason"] == "ASSERTION_REPLAYED"
    assert record["facts"]["winner"] == winner
    assert "token_hash" not in record


@pytest.mark.req("B-21", "G-26")
@pytest.mark.hostile("R05")
async def test_the_wrong_client_does_not_use_up_a_grant(house: House) -> None:
    grant = house.partner_grant(jti=secrets.token_hex(8))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await house.stub().RedeemGrant(redeeming(grant, OTHER))
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert await outcome(house, grant) == "token"


@pytest.mark.req("G-18", "G-24")
@pytest.mark.hostile("R03", "R07")
async def test_one_jti_of_two_issuers_is_two_grants_and_a_client_assertion_a_third(house: House) -> None:
    jti = secrets.token_hex(8)
    assert await outcome(house, house.partner_grant(jti=jti)) == "token"
    ours = {"iss": org.GRANTS, "jti": jti}
    signer = house.parts.world.ring.signer(org.GRANTS, Purpose.GRANT_SIGNING)
    assert await outcome(house, await signed_by(house, signer, ours)) == "token"
    assertion = org.ROBOT_TOOLS_KEY.sign(
        {"iss": "cli_robot", "sub": "cli_robot", "aud": org.SERVER, "jti": jti, "exp": house.now + 60}, None
    )
    proof = ClientAuthentication()
    proof.assertion.type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    proof.assertion.assertion = assertion
    robots = await signed_by(house, signer, {"iss": org.GRANTS, "client_id": "cli_robot", "jti": secrets.token_hex(8)})
    await house.stub().RedeemGrant(redeeming(robots, proof))


async def test_a_decision_is_made_again_when_governance_moved_meanwhile(house: House) -> None:
    """Ours: what was decided on an old bundle is never written under a new one."""
    world, active = house.parts.world, house.parts.active
    grant = house.partner_grant(jti=secrets.token_hex(8))
    old = world.snapshot
    assert old is not None
    document = org.bundle()
    del document["redemptions"]["tools"][1]  # the rule for the partner
    await house.apply(document)
    # This process has not heard of it yet.
    world.snapshot, active.epoch = old, old.epoch
    world.view.epochs = Epochs(old.epoch, world.view.epochs.withdrawals, world.view.epochs.revocations)
    assert await outcome(house, grant) == "FAILED_PRECONDITION"
    await house.apply(org.bundle())
    assert await outcome(house, grant) == "token", "the refused call did not use the grant up"


@pytest.mark.req("B-38", "G-43", "C-39")
@pytest.mark.hostile("C35")
async def test_a_block_that_this_process_has_not_seen_yet_still_stops_a_redemption(house: House) -> None:
    await house.store.withdraw(Withdrawal("user", "partner|p-77", "left", None), act())
    assert await outcome(house, house.partner_grant(jti=secrets.token_hex(8))) == "FAILED_PRECONDITION"


async def test_an_access_token_is_read_back_by_introspection(house: House) -> None:
    answer = await house.stub().IntrospectToken(
        pb.IntrospectTokenRequest(
            issuer=org.SERVER,
            client=TICKETS_SERVER,
            token=await access_token(house),
        )
    )
    assert answer.active


async def signed_by(house: House, signer: Signer, changed: dict[str, object]) -> str:
    """A grant of our own grant issuer, signed with its key."""
    claims = {**jws.read(house.partner_grant()).unverified_claims, **changed}
    data = jws.signing_input(claims, alg=signer.alg, kid=signer.kid, typ="oauth-id-jag+jwt")
    return jws.compact(data, await signer.sign(data))
