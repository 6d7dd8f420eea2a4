"""An assertion belongs to the client that exchanged it first: concurrently, after a restart,
through every way in, and never by a call that failed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

import assertions_
import organisation as org
from assertions_ import SAML2
from case_files import changed
from house import House, running
from leg_one import Outcome, desk, exchanged, robot_assertion, signed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="module")


def document() -> dict[str, Any]:
    return changed(org.bundle(), assertions_.shared())


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with running(tmp_path_factory.mktemp("house"), document()) as running_house:
        yield running_house


def assertion(house: House, **changed: Any) -> str:
    return assertions_.assertion(house.now, **changed)


async def by_desk(house: House, token: str, transport: str = "grpc", **changed: Any) -> Outcome:
    return await exchanged(house, desk(), transport, subject_token=token, subject_token_type=SAML2, **changed)


async def by_robot(house: House, token: str, transport: str = "grpc") -> Outcome:
    client = signed(robot_assertion(house))
    return await exchanged(house, client, transport, subject_token=token, subject_token_type=SAML2)


@pytest.mark.req("A-24", "A-31", "A-35", "G-26")
@pytest.mark.parametrize("transport", ["grpc", "inprocess"])
async def test_the_client_that_came_first_may_come_again_for_another_target_and_another_client_may_not(
    house, transport
):
    token = assertion(house)
    first = await by_desk(house, token, transport)
    assert first.status == "OK"
    assert (await by_desk(house, token, transport, resource=[org.WIKI], scope="wiki:read")).status == "OK"

    refused = await by_robot(house, token, transport)

    assert (refused.status, refused.public, refused.reason) == (
        "FAILED_PRECONDITION",
        "SUBJECT_TOKEN_INVALID",
        "SUBJECT_TOKEN_USED",
    )
    assert refused.record["facts"]["winner"] == first.id
    assert refused.record["checks"][-1][1:3] == ["subject.first_use", False]
    assert (await by_desk(house, token, transport)).status == "OK"


async def test_both_clients_may_exchange_an_assertion_of_their_own(house):
    assert (await by_robot(house, assertion(house))).status == "OK"
    assert (await by_desk(house, assertion(house))).status == "OK"


@pytest.mark.req("A-31")
async def test_of_fifty_concurrent_calls_of_two_clients_all_of_one_pass_and_none_of_the_other(house):
    token = assertion(house)
    calls = [(by_desk if n % 2 else by_robot)(house, token, ("grpc", "inprocess")[n // 2 % 2]) for n in range(50)]
    outcomes = await asyncio.gather(*calls)
    passed = [[each.status for each in outcomes[start::2]].count("OK") for start in (0, 1)]
    assert sorted(passed) == [0, 25]
    assert {each.reason for each in outcomes if each.status != "OK"} == {"SUBJECT_TOKEN_USED"}


async def test_an_assertion_stays_bound_after_a_restart(tmp_path: Path):
    async with running(tmp_path, document()) as house:
        token = assertion(house)
        assert (await by_desk(house, token)).status == "OK"
    async with running(tmp_path) as house:
        await house.parts.world.catch_up()
        assert (await by_robot(house, token)).reason == "SUBJECT_TOKEN_USED"
        assert (await by_desk(house, token)).status == "OK"


@pytest.mark.hostile("R05")
async def test_a_refused_exchange_binds_nothing(house):
    token = assertion(house)
    assert (await by_desk(house, token, scope="vault:read")).status != "OK"
    assert (await by_robot(house, token)).status == "OK"


async def test_an_assertion_for_one_use_is_spent_by_it(house):
    token = assertion(house, conditions="<saml:OneTimeUse/>")
    assert (await by_desk(house, token)).status == "OK"
    assert (await by_desk(house, token)).reason == "SUBJECT_TOKEN_USED"
    assert (await by_robot(house, token)).reason == "SUBJECT_TOKEN_USED"


async def test_a_proxy_restriction_changes_nothing_here(house):
    token = assertion(house, conditions='<saml:ProxyRestriction Count="0"/>')
    assert (await by_desk(house, token)).status == "OK"
    assert (await by_desk(house, token)).status == "OK"


async def test_the_mark_of_an_assertion_outlives_every_moment_at_which_it_is_taken(tmp_path: Path):
    async with running(tmp_path, document()) as house:
        token = assertion(house, ends=3600, confirmation_ends=3600, issued=0)
        assert (await by_desk(house, token)).status == "OK"
        house.later(300 + 29)
        assert (await by_robot(house, token)).reason == "SUBJECT_TOKEN_USED"
        house.later(2)
        assert (await by_desk(house, token)).reason == "SUBJECT_TOKEN_EXPIRED"
        until = house.store._database.reader.execute("SELECT until FROM marks WHERE space = 4").fetchone()[0]
        assert until >= house.now + 29


async def test_an_assertion_ends_at_its_end_to_the_second(house):
    moment = house.stop_clock()
    try:
        ends = {"issued": -60, "ends": -29, "auth_time": -60}
        assert (await by_desk(house, assertions_.assertion(moment, **ends))).status == "OK"
        ends["ends"] = -30
        assert (await by_desk(house, assertions_.assertion(moment, **ends))).reason == "SUBJECT_TOKEN_EXPIRED"
        assert (await by_desk(house, assertions_.assertion(moment, begins=30))).status == "OK"
        assert (await by_desk(house, assertions_.assertion(moment, begins=31))).reason == "SUBJECT_TOKEN_TIME"
    finally:
        house.parts.world.clock = house.parts.world.ledger._wall_clock


async def test_the_record_tells_of_an_expired_certificate_whose_key_still_counts(tmp_path: Path):
    old = assertions_.signatory("old", days=(-20, -10))
    whole = document()
    whole["identity_providers"]["corp"]["saml"]["certificates"] = [old.certificate]
    async with running(tmp_path, whole) as house:
        found = await by_desk(house, assertions_.assertion(house.now, old))
        assert found.status == "OK"
        told = {name: got for _, name, _, _, got in found.record["checks"]}
        assert told["subject.signature"] == "a pinned key, whose certificate has expired"
        assert "u-18f2" not in str(found.record)


async def test_the_record_of_a_foreign_audience_names_what_is_this_clients_and_no_others(house):
    refused = await by_desk(house, assertion(house, audiences=[["https://mail.example/saml"]]))
    _, check, held, expected, got = refused.record["checks"][-1]
    assert (check, held, got) == ("subject.aud", False, "https://mail.example/saml")
    assert expected == assertions_.DESK_SP
