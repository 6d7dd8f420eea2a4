"""An assertion is exchanged for a refresh token first (A-34), and is spent by that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

import assertions_
import organisation as org
from assertions_ import SAML2
from grantd import jws
from house import House, running
from leg_one import Outcome, desk, exchanged, robot_assertion, signed
from leg_two import redeemed
from sessions import exchanged_session, refreshed, with_sessions
from sessions import remembered as asked_to_remember

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.asyncio(loop_scope="module")


def document() -> dict[str, Any]:
    return with_sessions(**assertions_.shared())


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with running(tmp_path_factory.mktemp("house"), document()) as running_house:
        yield running_house


async def direct(house: House, token: str, transport: str = "grpc") -> Outcome:
    return await exchanged(house, desk(), transport, subject_token=token, subject_token_type=SAML2)


async def remembered(house: House, token: str, transport: str = "grpc") -> Outcome:
    return await asked_to_remember(house, transport=transport, subject_token=token, subject_token_type=SAML2)


@pytest.mark.req("A-34")
@pytest.mark.parametrize("transport", ["grpc", "inprocess"])
async def test_an_assertion_becomes_a_refresh_token_and_that_a_grant(house, transport):
    got = await remembered(house, assertions_.assertion(house.now), transport)
    assert (got.answer.issued_token_type, got.answer.token_type) == (
        "urn:ietf:params:oauth:token-type:refresh_token",
        "N_A",
    )
    granted = await exchanged_session(house, got.answer.token)
    assert granted.status == "OK"
    renewed = await refreshed(house, got.answer.token)
    assert (await exchanged_session(house, renewed.answer.token)).status == "OK"


@pytest.mark.req("A-34")
async def test_an_assertion_that_became_a_refresh_token_is_spent_for_everybody(house):
    token = assertions_.assertion(house.now)
    assert (await direct(house, token)).status == "OK"
    first = await remembered(house, token)
    assert first.status == "OK"
    for again in (await remembered(house, token), await direct(house, token)):
        assert (again.status, again.public, again.reason) == (
            "FAILED_PRECONDITION",
            "SUBJECT_TOKEN_INVALID",
            "SUBJECT_TOKEN_USED",
        )
        assert again.record["facts"]["winner"] == first.id
    robot = signed(robot_assertion(house))
    stranger = await exchanged(house, robot, subject_token=token, subject_token_type=SAML2)
    assert stranger.reason == "SUBJECT_TOKEN_USED"


async def test_of_fifty_that_ask_for_a_refresh_token_at_once_one_gets_it(house):
    token = assertions_.assertion(house.now)
    found = await asyncio.gather(*(remembered(house, token) for _ in range(50)))
    assert sorted({each.status for each in found}) == ["FAILED_PRECONDITION", "OK"]
    assert [each.status for each in found].count("OK") == 1


async def test_a_request_that_was_refused_spends_nothing(house):
    token = assertions_.assertion(house.now)
    assert (
        await asked_to_remember(house, scope="tickets:read", subject_token=token, subject_token_type=SAML2)
    ).status != "OK"
    assert (await remembered(house, token)).status == "OK"


@pytest.mark.parametrize("name", [assertions_.ENTITY, org.LOGIN])
async def test_a_blocked_provider_ends_sessions_that_began_with_an_assertion(house, name):
    token = (await remembered(house, assertions_.assertion(house.now))).answer.token
    await house.block("issuer", name)
    assert (await exchanged_session(house, token)).reason == "SUBJECT_TOKEN_ISSUER"
    await house.unblock("issuer", name)
    assert (await exchanged_session(house, token)).status == "OK"


@pytest.mark.req("A-40")
@pytest.mark.parametrize(
    "saml", [None, {"subject": {"attribute": "oid"}}, {"entity_id": "urn:other"}], ids=["gone", "subject", "entity id"]
)
async def test_a_sign_in_is_outdated_once_its_assertions_are_declared_otherwise(house, saml):
    token = (await remembered(house, assertions_.assertion(house.now))).answer.token
    of_id_token = (await asked_to_remember(house)).answer.token
    changed = document()
    if saml is None:
        del changed["identity_providers"]["corp"]["saml"]
    else:
        changed["identity_providers"]["corp"]["saml"] |= saml
    await house.apply(changed)
    assert (await exchanged_session(house, token)).reason == "SIGN_IN_OUTDATED"
    assert (await exchanged_session(house, of_id_token)).status == "OK"
    await house.apply(document())
    assert (await exchanged_session(house, token)).status == "OK"


def named(token: str) -> object:
    return jws.read(token).unverified_claims.get("sub_id")


@pytest.mark.req("A-66", "B-17")
async def test_the_name_of_an_assertion_goes_through_a_refresh_token_to_the_account(tmp_path: Path):
    whole = document()
    whole["authorization_servers"]["tools"]["trusts"]["grants"]["subject"] = {"saml_nameid": [assertions_.ENTITY]}
    async with running(tmp_path, whole) as house:
        session = (await remembered(house, assertions_.assertion(house.now))).answer.token
        grant = (await exchanged_session(house, session)).answer.token
        assert named(grant) == {
            "format": "saml-nameid",
            "issuer": assertions_.ENTITY,
            "nameid": "u-18f2",
            "nameid_format": assertions_.PERSISTENT,
        }
        access = (await redeemed(house, grant)).answer.access_token
        assert "u-18f2" in str(jws.read(access).unverified_claims["sub"])
        assert str(jws.read(access).unverified_claims["sub"]).startswith(f"grants|{assertions_.ENTITY}!")
        of_id_token = (await exchanged(house)).answer.token
        assert named(of_id_token) is None
        assert (await redeemed(house, of_id_token)).reason == "ASSERTION_CLAIM"
