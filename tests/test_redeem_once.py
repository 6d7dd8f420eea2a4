"""How often a grant is good: once, or as often as somebody said; and never by a call
that came to nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import organisation as org
from case_files import changed
from case_tokens import own_grant
from grantd.v1.client_pb2 import ClientAuthentication
from house import House
from leg_two import OTHER, active, bury, fresh, redeemed, robot_at_tools

pytestmark = pytest.mark.asyncio(loop_scope="module")

OF_ISSUER = "authorization_servers.tools.trusts.partner.reuse_limit"
OF_CLIENT = "clients.desk.at.tools.reuse_limit"
ALLOW_OTHER = {"redemptions.tools.1.clients": ["desk", "other"]}


async def uses(house: House, grant: str, **more: Any) -> list[str]:
    """How each of several concurrent redemptions of one grant ended, sorted."""
    found = await asyncio.gather(*(redeemed(house, grant, ("grpc", "inprocess")[n % 2], **more) for n in range(8)))
    return sorted(each.reason or each.status for each in found)


@pytest.mark.req("B-20", "B-21", "X-2")
@pytest.mark.parametrize(
    ("edits", "good"),
    [
        ({}, 1),
        ({OF_ISSUER: 3}, 3),
        ({OF_CLIENT: 2}, 2),
        ({OF_ISSUER: 5, OF_CLIENT: 1}, 1),
        ({OF_ISSUER: 1, OF_CLIENT: 4}, 4),
    ],
    ids=str,
)
async def test_a_grant_is_good_as_often_as_issuer_or_client_may_use_it(
    hall: House, edits: dict[str, int], good: int
) -> None:
    await hall.apply(changed(org.bundle(), edits))
    grant = hall.partner_grant(jti=fresh())
    assert await uses(hall, grant) == ["ASSERTION_REPLAYED"] * (8 - good) + ["OK"] * good
    assert (await redeemed(hall, grant)).public == "ASSERTION_REPLAYED", "one after the other, too"
    await hall.apply(org.bundle())


@pytest.mark.req("X-2")
async def test_what_one_client_may_reuse_another_may_not(hall: House) -> None:
    await hall.apply(changed(org.bundle(), {OF_CLIENT: 3, **ALLOW_OTHER}))
    grant = hall.partner_grant(jti=fresh(), client_id="cli_other")
    assert await uses(hall, grant, client=OTHER) == ["ASSERTION_REPLAYED"] * 7 + ["OK"]
    await hall.apply(org.bundle())


@pytest.mark.req("X-2", "B-20")
async def test_reuse_ends_with_the_grant(hall: House) -> None:
    await hall.apply(changed(org.bundle(), {OF_ISSUER: 3}))
    now = hall.now
    grant = hall.partner_grant(jti=fresh(), iat=now - 100, exp=now - 35)
    assert (await redeemed(hall, grant)).reason == "ASSERTION_EXPIRED"
    await hall.apply(org.bundle())


@pytest.mark.req("X-2", "C-39")
async def test_each_use_gives_a_token_of_its_own_and_one_chain(hall: House) -> None:
    await hall.apply(changed(org.bundle(), {OF_ISSUER: 3}))
    jti = fresh()
    grant = hall.partner_grant(jti=jti)
    first, second = await redeemed(hall, grant), await redeemed(hall, grant)
    assert first.record["token_hash"] != second.record["token_hash"]
    assert first.record["chain"] == second.record["chain"]
    tokens = [each.answer.access_token for each in (first, second)]
    assert [await active(hall, token) for token in tokens] == [True, True]

    await bury(hall, org.PARTNER, jti)
    assert [await active(hall, token) for token in tokens] == [False, False]
    third = await redeemed(hall, grant)
    assert (third.public, third.reason) == ("ASSERTION_INVALID", "ASSERTION_BLOCKED")
    assert third.record["checks"][-1][1:3] == ["assertion.chain", False]
    await hall.apply(org.bundle())


@pytest.mark.req("C-39", "B-38")
async def test_a_chain_that_was_revoked_a_moment_ago_elsewhere_issues_nothing(hall: House) -> None:
    """This process has not heard of it: the transaction has."""
    await hall.apply(changed(org.bundle(), {OF_ISSUER: 3}))
    jti = fresh()
    grant = hall.partner_grant(jti=jti)
    assert (await redeemed(hall, grant)).status == "OK"
    await bury(hall, org.PARTNER, jti, seen=False)
    assert (await redeemed(hall, grant)).reason == "ASSERTION_BLOCKED"
    await hall.apply(org.bundle())


@pytest.mark.req("B-19", "B-21", "G-26")
@pytest.mark.hostile("R05")
@pytest.mark.parametrize(
    "failing",
    [
        {"client": OTHER},
        {"client": ClientAuthentication(client_id="cli_desk")},
        {"scope": "tickets:write"},
        {"scope": "a  b"},
        {"resource": [org.WIKI]},
        {"issuer": org.OTHER_SERVER},
        {"issuer": "https://as.nowhere.example"},
        {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-dpop"},
    ],
    ids="-".join,
)
async def test_a_call_that_failed_uses_up_no_grant(hall: House, failing: dict[str, Any]) -> None:
    grant = hall.partner_grant(jti=fresh())
    for _ in range(2):
        assert (await redeemed(hall, grant, **failing)).status not in {"OK", "UNAVAILABLE"}
    assert (await redeemed(hall, grant)).status == "OK"


@pytest.mark.req("G-18", "B-21")
async def test_a_refused_redemption_uses_up_its_client_assertion_and_not_its_grant(hall: House) -> None:
    grant = await own_grant(hall, client_id="cli_robot")
    proof = robot_at_tools(hall)
    assert (await redeemed(hall, grant, client=proof, scope="tickets:write")).public == "SCOPE_INVALID"
    again = await redeemed(hall, grant, client=proof)
    assert (again.status, again.reason) == ("UNAUTHENTICATED", "CLIENT_ASSERTION_REPLAYED")
    assert (await redeemed(hall, grant, client=robot_at_tools(hall))).status == "OK"


@pytest.mark.req("G-18")
async def test_of_one_client_assertion_in_two_redemptions_only_one_counts(hall: House) -> None:
    grants = [await own_grant(hall, client_id="cli_robot") for _ in range(6)]
    proof = robot_at_tools(hall)
    found = await asyncio.gather(*(redeemed(hall, grant, client=proof) for grant in grants))
    assert sorted(each.reason or each.status for each in found) == ["CLIENT_ASSERTION_REPLAYED"] * 5 + ["OK"]
    lost = [grant for grant, each in zip(grants, found, strict=True) if each.status != "OK"]
    again = await asyncio.gather(*(redeemed(hall, grant, client=robot_at_tools(hall)) for grant in lost))
    assert {each.status for each in again} == {"OK"}, "a lost client assertion uses up no grant"


@pytest.mark.req("B-22", "F-45")
async def test_without_its_database_the_service_redeems_nothing_and_uses_nothing_up(
    hall: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = hall.partner_grant(jti=fresh())
    with hall.busy_database(monkeypatch):
        found = await redeemed(hall, grant)
        assert (found.status, found.public, found.reason) == ("UNAVAILABLE", "UNAVAILABLE", "STORE_UNAVAILABLE")
        assert found.record["outcome"] == "failed"
        assert await hall.durable(found.id) is not None, "that it failed is on record once the database is back"
    assert (await redeemed(hall, grant)).status == "OK"
