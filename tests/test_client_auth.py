"""A client assertion is used once: by whatever call, at whatever endpoint of its issuer,
however that call ends; only a call that we could not decide leaves it unused."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from grantd.v1 import authorization_pb2 as pb
from leg_one import ASSERTION_TYP, desk, exchanged, outcome, robot_asks, robot_assertion, robot_claims, signed
from tokens import signing_key

if TYPE_CHECKING:
    from grantd.v1.client_pb2 import ClientAuthentication
    from house import House
    from leg_one import Outcome


def names_winner(loser: Outcome, winner: Outcome) -> bool:
    check = loser.record["checks"][-1]
    named = loser.record["facts"]["winner"] == winner.id and winner.id in check[4]
    return named and check[1:3] == ["client.assertion.first_use", False]


@pytest.mark.req("D-10", "F-34", "F-40")
@pytest.mark.hostile("A07")
@pytest.mark.parametrize("transport", ["grpc", "inprocess"])
async def test_a_replayed_assertion_is_refused_and_its_record_names_the_winner(house: House, transport: str) -> None:
    token = robot_assertion(house)
    first = await robot_asks(house, token)
    second = await robot_asks(house, token, transport)
    assert first.status == "OK"
    assert (second.status, second.public) == ("UNAUTHENTICATED", "CLIENT_AUTHENTICATION_FAILED")
    assert second.reason == "CLIENT_ASSERTION_REPLAYED"
    assert names_winner(second, first)
    assert "token_hash" not in second.record
    assert await house.durable(second.id) == second.record


@pytest.mark.req("D-10")
@pytest.mark.hostile("A07")
async def test_of_concurrent_calls_with_one_assertion_exactly_one_is_answered(house: House) -> None:
    token = robot_assertion(house)
    found = await asyncio.gather(*(robot_asks(house, token, way) for way in ["grpc", "inprocess"] * 8))
    (winner,) = [each for each in found if each.status == "OK"]
    losers = [each for each in found if each is not winner]
    assert {each.reason for each in losers} == {"CLIENT_ASSERTION_REPLAYED"}
    assert all(names_winner(each, winner) for each in losers)


REFUSED_LATER = {
    "SUBJECT_TOKEN_MALFORMED": {"subject_token": "not a token"},
    "SUBJECT_TOKEN_TYPE_UNSUPPORTED": {"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"},
    "PARAMETER_MISSING": {"audience": []},
    "AUDIENCE_UNKNOWN": {"audience": ["https://as.nowhere.example"]},
    "RESOURCE_NOT_GOVERNED": {"resource": [org.VAULT]},
    "SCOPE_UNKNOWN": {"scope": "nonsense"},
    "ACTOR_UNSUPPORTED": {"actor_token": "a.b.c"},
}


@pytest.mark.req("D-10")
@pytest.mark.hostile("A07")
@pytest.mark.parametrize("reason", REFUSED_LATER)
async def test_a_refused_call_uses_up_its_robot_assertion(house: House, reason: str) -> None:
    token = robot_assertion(house)
    first = await robot_asks(house, token, **REFUSED_LATER[reason])
    assert first.reason == reason
    second = await robot_asks(house, token)
    assert second.reason == "CLIENT_ASSERTION_REPLAYED"
    assert names_winner(second, first)


@pytest.mark.req("D-10")
async def test_of_two_refused_calls_with_one_assertion_the_second_is_told_of_the_replay(house: House) -> None:
    token = robot_assertion(house)
    first = await robot_asks(house, token, scope="nonsense")
    second = await robot_asks(house, token, scope="nonsense")
    assert (first.reason, second.reason) == ("SCOPE_UNKNOWN", "CLIENT_ASSERTION_REPLAYED")
    assert names_winner(second, first)


@pytest.mark.req("D-10", "G-43")
async def test_a_blocked_client_uses_up_its_robot_assertion(house: House) -> None:
    token = robot_assertion(house)
    await house.block("client", "robot")
    blocked = await robot_asks(house, token)
    await house.unblock("client", "robot")
    assert blocked.reason == "CLIENT_BLOCKED"
    assert (await robot_asks(house, token)).reason == "CLIENT_ASSERTION_REPLAYED"
    assert (await robot_asks(house, robot_assertion(house))).status == "OK"


@pytest.mark.req("D-10")
async def test_an_assertion_that_proved_nothing_uses_nothing_up(house: House) -> None:
    claims = robot_claims(house)
    forged = org.LOGIN_KEY.sign(claims, ASSERTION_TYP)
    assert (await robot_asks(house, forged)).reason == "CLIENT_ASSERTION_INVALID"
    assert (await robot_asks(house, org.ROBOT_KEY.sign(claims, ASSERTION_TYP))).status == "OK"


def redeem(house: House, client: ClientAuthentication) -> Any:
    grant = house.partner_grant(client_id="cli_robot")
    return house.stub().RedeemGrant(pb.RedeemGrantRequest(issuer=org.SERVER, client=client, assertion=grant))


def revoke(house: House, client: ClientAuthentication) -> Any:
    return house.stub().RevokeToken(pb.RevokeTokenRequest(issuer=org.SERVER, client=client, token="unknown"))


def introspect(house: House, client: ClientAuthentication) -> Any:
    return house.stub().IntrospectToken(pb.IntrospectTokenRequest(issuer=org.SERVER, client=client, token="unknown"))


@pytest.mark.req("D-10", "G-18")
@pytest.mark.hostile("A07")
@pytest.mark.parametrize(("one", "other"), [(revoke, redeem), (redeem, revoke), (revoke, revoke)])
async def test_an_assertion_is_refused_at_the_other_endpoint_of_its_issuer(house: House, one: Any, other: Any) -> None:
    token = robot_assertion(house, org.SERVER)
    first = await outcome(house, one(house, signed(token)))
    second = await outcome(house, other(house, signed(token)))
    assert first.record["client"] == "robot"
    assert second.reason == "CLIENT_ASSERTION_REPLAYED"
    assert names_winner(second, first)


@pytest.mark.req("D-10", "C-17")
@pytest.mark.hostile("A07")
async def test_the_assertion_of_a_resource_server_is_used_once(house: House) -> None:
    document = org.bundle()
    key = {"private_key_jwt": {"jwks": org.jwks_of(signing_key("ES256", "rs-1")), "algorithms": ["ES256"]}}
    document["resource_servers"]["tickets-server"]["authentication"] = [key]
    await house.apply(document)
    claims = robot_claims(house, org.SERVER, iss="rs-tickets", sub="rs-tickets")
    token = signing_key("ES256", "rs-1").sign(claims, ASSERTION_TYP)
    first = await outcome(house, introspect(house, signed(token)))
    second = await outcome(house, introspect(house, signed(token)))
    assert (first.status, first.record["outcome"]) == ("OK", "inactive")
    assert second.reason == "CLIENT_ASSERTION_REPLAYED"
    assert names_winner(second, first)


@pytest.mark.req("D-26", "D-08")
async def test_an_assertion_for_one_issuer_is_refused_at_another(house: House) -> None:
    token = org.ROBOT_KEY.sign(robot_claims(house, org.GRANTS, iss="cli_robot", sub="cli_robot"), ASSERTION_TYP)
    found = await outcome(house, redeem(house, signed(token)))
    assert found.reason == "CLIENT_ASSERTION_INVALID"


@pytest.mark.req("G-18")
async def test_the_same_jti_at_two_issuers_and_of_two_clients_is_two_uses(house: House) -> None:
    document = org.bundle()
    twin = json.loads(json.dumps(document["clients"]["robot"]["at"]["grants"]))
    keys = {"jwks": org.jwks_of(signing_key("ES256", "twin-1")), "algorithms": ["ES256"]}
    twin |= {"client_id": "twin", "authentication": [{"private_key_jwt": keys}], "sso": {"corp": ["twin-sso"]}}
    document["clients"]["twin"] = {"at": {"grants": twin}}
    await house.apply(document)
    assert (await robot_asks(house, robot_assertion(house, jti="one"))).status == "OK"
    first = await outcome(house, revoke(house, signed(robot_assertion(house, org.SERVER, jti="one"))))
    assert (first.status, first.reason) == ("OK", "")
    claims = robot_claims(house, jti="one", iss="twin", sub="twin")
    other = await exchanged(house, signed(signing_key("ES256", "twin-1").sign(claims, ASSERTION_TYP)))
    assert other.reason == "SUBJECT_TOKEN_AUDIENCE", "authenticated, and refused for what comes after"


@pytest.mark.req("G-18", "D-26")
async def test_one_client_id_at_two_issuers_is_two_clients_with_a_jti_each(house: House) -> None:
    document = org.bundle()
    document["clients"]["robot"]["at"]["tools"]["client_id"] = "robot"
    await house.apply(document)
    assert (await robot_asks(house, robot_assertion(house, jti="one"))).status == "OK"
    there = robot_assertion(house, org.SERVER, jti="one", iss="robot", sub="robot")
    assert (await outcome(house, revoke(house, signed(there)))).status == "OK"


@pytest.mark.req("G-18", "B-20")
async def test_a_client_assertion_and_a_grant_with_one_jti_do_not_collide(house: House) -> None:
    token = robot_assertion(house, org.SERVER, jti="shared")
    grant = house.partner_grant(jti="shared", client_id="cli_desk")
    assert (await outcome(house, revoke(house, signed(token)))).status == "OK"
    client = desk(org.TOOLS_SECRET)
    client.client_id = "cli_desk"
    asked = pb.RedeemGrantRequest(issuer=org.SERVER, client=client, assertion=grant)
    assert (await outcome(house, house.stub().RedeemGrant(asked))).status == "OK"


@pytest.mark.req("G-14", "G-20", "D-10")
async def test_an_assertion_stays_used_for_as_long_as_it_could_be_accepted(house: House) -> None:
    expires = house.now + 60
    token = robot_assertion(house, exp=expires)
    assert (await robot_asks(house, token)).status == "OK"
    house.offset[0] = expires + 29 - house.now
    assert (await robot_asks(house, token)).reason == "CLIENT_ASSERTION_REPLAYED", "within the skew, and used"
    with closing(sqlite3.connect(house.folder / "grantd.db")) as database:
        ((until,),) = database.execute("SELECT until FROM marks WHERE space = 2").fetchall()
    assert until > expires + house.parts.world.skew
    house.later(5)
    assert (await robot_asks(house, token)).reason == "CLIENT_ASSERTION_INVALID", "expired"


@pytest.mark.req("D-26")
async def test_a_credential_that_is_withdrawn_by_a_new_bundle_is_refused_at_once(house: House) -> None:
    assert (await robot_asks(house, robot_assertion(house))).status == "OK"
    document = org.bundle()
    keys = {"jwks": org.jwks_of(signing_key("ES256", "robot-new")), "algorithms": ["ES256"]}
    document["clients"]["robot"]["at"]["grants"]["authentication"] = [{"private_key_jwt": keys}]
    await house.apply(document)
    assert (await robot_asks(house, robot_assertion(house))).reason == "CLIENT_ASSERTION_INVALID"
    claims = robot_claims(house)
    fresh = signing_key("ES256", "robot-new").sign(claims, ASSERTION_TYP)
    assert (await robot_asks(house, fresh)).status == "OK"
