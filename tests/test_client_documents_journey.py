"""Clients that are known by their metadata document, at both legs: what the document
decides, and what it never does."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from case_files import changed
from client_site import URL, Site, client_site, registered
from grantd import jws
from grantd.v1 import authorization_pb2 as pb
from grantd.v1 import metadata_pb2 as mpb
from house import House, running
from leg_one import ASSERTION_TYP, desk, exchanged, outcome, robot_claims, signed
from leg_two import redeemed, secret_of
from tokens import SigningKey, signing_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from leg_one import Outcome

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
PROFILE = "urn:ietf:params:oauth:grant-profile:id-jag"


@asynccontextmanager
async def agent_house(tmp_path: Path, document: dict[str, Any] | None = None) -> AsyncIterator[tuple[House, Site]]:
    async with client_site() as site:
        found = document or registered("grants", "tools")
        async with running(tmp_path, found, documents=site.documents) as house:
            yield house, site


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[tuple[House, Site]]:
    async with agent_house(tmp_path) as found:
        yield found


def assertion(house: House, issuer: str = org.GRANTS, key: SigningKey = org.ROBOT_KEY, **claims: Any) -> str:
    return key.sign(robot_claims(house, issuer, **{"iss": URL, "sub": URL, **claims}), ASSERTION_TYP)


async def asks(house: House, token: str, transport: str = "grpc", client_id: str | None = None) -> Outcome:
    return await exchanged(house, signed(token, client_id), transport, subject_token=house.id_token(aud="robot-sso"))


@pytest.mark.req("D-19", "D-22", "D-25", "D-26", "X-10")
@pytest.mark.parametrize("transport", ["grpc", "inprocess"])
async def test_a_client_with_a_document_goes_the_whole_way(town: tuple[House, Site], transport: str) -> None:
    house, site = town
    first = await asks(house, assertion(house), transport)
    assert first.status == "OK", first.record
    assert (first.record["client"], first.record["client_id"]) == ("robot", URL)
    second = await redeemed(house, first.answer.token, transport, client=signed(assertion(house, org.SERVER)))
    assert second.status == "OK", second.record
    assert second.record["client"] == "robot"
    assert site.fetches == 1


@pytest.mark.req("D-25")
async def test_the_grant_names_the_client_by_its_address_at_the_server(tmp_path: Path) -> None:
    async with agent_house(tmp_path, registered("tools")) as (house, _):
        token = org.ROBOT_KEY.sign(robot_claims(house), ASSERTION_TYP)
        first = await asks(house, token)
        assert first.status == "OK", first.record
        assert ["exchange.target", "target.client_id", True, "the id of robot at tools", URL] in first.record["checks"]
        # Presented by another client of the server, the grant is of no use.
        stolen = await redeemed(house, first.answer.token)
        assert stolen.reason == "ASSERTION_CLIENT"


@pytest.mark.req("D-25", "A-48")
async def test_at_a_foreign_server_its_address_is_its_id_without_a_row(town: tuple[House, Site]) -> None:
    house, _ = town
    client = signed(assertion(house))
    target = {"audience": [org.FOREIGN_SERVER], "resource": [org.PARTNER_MCP], "scope": "files:read"}
    found = await exchanged(house, client, subject_token=house.id_token(aud="robot-sso"), **target)
    assert found.status == "OK", found.record
    assert jws.read(found.answer.token).unverified_claims["client_id"] == URL
    document = registered("grants")
    document["clients"]["robot"]["at"]["abroad"] = {"client_id": "robot@abroad"}
    await house.apply(document)
    client = signed(assertion(house))
    found = await exchanged(house, client, subject_token=house.id_token(aud="robot-sso"), **target)
    assert jws.read(found.answer.token).unverified_claims["client_id"] == "robot@abroad"


@pytest.mark.req("D-25", "A-48")
async def test_at_a_server_of_ours_and_for_any_other_client_the_row_is_needed(town: tuple[House, Site]) -> None:
    house, _ = town
    document = registered("grants")
    del document["clients"]["robot"]["at"]["tools"]
    await house.apply(document)
    assert (await asks(house, assertion(house))).reason == "CLIENT_MAPPING_MISSING"
    await house.apply(org.bundle())
    target = {"audience": [org.FOREIGN_SERVER], "resource": [org.PARTNER_MCP], "scope": "files:read"}
    token = org.ROBOT_KEY.sign(robot_claims(house), ASSERTION_TYP)
    found = await exchanged(house, signed(token), subject_token=house.id_token(aud="robot-sso"), **target)
    assert found.reason == "CLIENT_MAPPING_MISSING"


@pytest.mark.req("D-23")
async def test_an_address_that_nobody_approved_is_an_unknown_client_and_is_not_fetched(
    town: tuple[House, Site],
) -> None:
    house, site = town
    for stranger in (
        "https://agent.example/oauth/other.json",
        f"{URL}#",
        f"{URL}/",
        URL.upper(),
        "https://169.254.169.254/x",
    ):
        found = await asks(house, assertion(house, iss=stranger, sub=stranger))
        assert (found.reason, found.public) == ("CLIENT_UNKNOWN", "CLIENT_AUTHENTICATION_FAILED")
    assert not site.address.asked
    assert not site.connector.addresses


@pytest.mark.req("D-22", "D-26")
async def test_at_an_issuer_where_it_is_not_approved_the_address_is_unknown(tmp_path: Path) -> None:
    async with agent_house(tmp_path, registered("grants")) as (house, _):
        redeem = redeemed(house, house.partner_grant(), client=signed(assertion(house, org.SERVER)))
        assert (await redeem).reason == "CLIENT_UNKNOWN"


@pytest.mark.req("D-22", "D-02")
async def test_it_authenticates_with_its_keys_and_in_no_other_way(town: tuple[House, Site]) -> None:
    house, site = town
    for client, reason in [
        (secret_of(URL, org.DESK_SECRET), "CLIENT_METHOD_MISMATCH"),
        (secret_of(URL, ""), "CLIENT_METHOD_MISMATCH"),
        (pb.ExchangeIdentityRequest(client={"client_id": URL}).client, "CREDENTIALS_MISSING"),
        (pb.ExchangeIdentityRequest(client={"client_id": URL, "peer": {}}).client, "CLIENT_PEER_MISMATCH"),
    ]:
        found = await exchanged(house, client, subject_token=house.id_token(aud="robot-sso"))
        assert (found.reason, found.status) == (reason, "UNAUTHENTICATED")
    assert site.fetches == 0


@pytest.mark.req("D-22")
@pytest.mark.parametrize("key", [signing_key("ES256", org.ROBOT_KEY.kid, 1), signing_key("ES256", "stranger")])
async def test_a_key_that_is_not_in_the_document_proves_nothing(town: tuple[House, Site], key: SigningKey) -> None:
    house, _ = town
    assert (await asks(house, assertion(house, key=key))).reason == "CLIENT_ASSERTION_INVALID"


@pytest.mark.req("D-22", "D-26", "D-08")
async def test_one_key_for_two_issuers_serves_each_only_what_was_signed_for_it(town: tuple[House, Site]) -> None:
    house, _ = town
    assert (await asks(house, assertion(house, org.SERVER))).reason == "CLIENT_ASSERTION_INVALID"
    token = assertion(house)
    assert (await asks(house, token)).status == "OK"
    assert (await asks(house, token)).reason == "CLIENT_ASSERTION_REPLAYED"


@pytest.mark.req("D-22")
async def test_an_algorithm_that_the_bundle_or_the_document_does_not_allow_is_refused(tmp_path: Path) -> None:
    rsa = signing_key("RS256", "rsa-1")
    async with agent_house(tmp_path, registered("grants", algorithms=("ES256", "RS256"))) as (house, site):
        site.publish(jwks=org.jwks_of(org.ROBOT_KEY, rsa), token_endpoint_auth_signing_alg="RS256")
        assert (await asks(house, assertion(house))).reason == "CLIENT_ASSERTION_INVALID"
        assert (await asks(house, assertion(house, key=rsa))).status == "OK"
        await house.apply(registered("grants", algorithms=("ES256",)))
        assert (await asks(house, assertion(house, key=rsa))).reason == "CLIENT_ASSERTION_INVALID"


@pytest.mark.req("D-17", "D-16")
async def test_what_a_document_says_it_may_do_adds_nothing_to_what_is_registered(tmp_path: Path) -> None:
    document = changed(registered("grants"), {"clients.robot.at.grants.grant_types": []})
    async with agent_house(tmp_path, document) as (house, site):
        site.publish(grant_types=[EXCHANGE, BEARER], authorization_grant_profiles_supported=[PROFILE])
        found = await asks(house, assertion(house))
        assert (found.reason, found.public) == ("CLIENT_GRANT_NOT_ALLOWED", "CLIENT_NOT_AUTHORIZED")


@pytest.mark.req("D-17")
async def test_the_profile_does_not_stand_for_a_rule(tmp_path: Path) -> None:
    document = registered("grants", "tools")
    document["grants"]["grants"][0]["clients"] = ["desk"]
    async with agent_house(tmp_path, document) as (house, site):
        site.publish(grant_types=[EXCHANGE, BEARER], authorization_grant_profiles_supported=[PROFILE])
        assert (await asks(house, assertion(house))).reason == "POLICY_NO_RULE"


@pytest.mark.req("D-17")
async def test_what_a_document_leaves_out_of_its_grant_types_is_not_granted(town: tuple[House, Site]) -> None:
    house, site = town
    site.publish(grant_types=[BEARER])
    assert (await asks(house, assertion(house))).reason == "CLIENT_GRANT_NOT_ALLOWED"
    grant = house.partner_grant(client_id=URL)
    found = await redeemed(house, grant, client=signed(assertion(house, org.SERVER)))
    assert found.reason == "ASSERTION_POLICY"  # authenticated and allowed the grant; no rule is about it


@pytest.mark.req("D-20", "D-21")
async def test_an_invalid_document_is_told_in_the_record_and_not_to_the_caller(town: tuple[House, Site]) -> None:
    house, site = town
    site.publish(client_id="https://evil.example/client.json")
    found = await asks(house, assertion(house))
    assert (found.reason, found.public) == ("CLIENT_DOCUMENT_INVALID", "CLIENT_AUTHENTICATION_FAILED")
    step, name, held, _, got = found.record["checks"][-1]
    assert (step, name, held) == ("exchange.client", "client.document", False)
    assert "client_id" in got
    assert "evil.example" in got


@pytest.mark.req("D-21")
async def test_a_document_that_cannot_be_had_is_unavailable_and_uses_nothing_up(town: tuple[House, Site]) -> None:
    house, site = town
    site.serve("", status="500 Oops")
    token = assertion(house)
    found = await asks(house, token)
    assert (found.reason, found.status) == ("DOCUMENT_UNAVAILABLE", "UNAVAILABLE")
    assert found.record["facts"]["cause"] == "the answer has status 500"
    site.publish()
    site.documents._copies.clear()  # as after the pause
    assert (await asks(house, token)).status == "OK"


@pytest.mark.req("D-22", "G-43")
async def test_such_a_client_is_blocked_by_its_name_in_the_bundle(town: tuple[House, Site]) -> None:
    house, _ = town
    await house.block("client", "robot")
    assert (await asks(house, assertion(house))).reason == "CLIENT_BLOCKED"


@pytest.mark.req("D-11")
async def test_the_address_beside_the_assertion_must_be_the_same(town: tuple[House, Site]) -> None:
    house, _ = town
    assert (await asks(house, assertion(house), client_id=URL)).status == "OK"
    assert (await asks(house, assertion(house), client_id=f"{URL}/")).reason == "CLIENT_ID_MISMATCH"


async def test_other_clients_are_not_held_up_by_a_document_that_does_not_come(town: tuple[House, Site]) -> None:
    house, site = town
    site.server.gate.clear()
    waiting = asyncio.create_task(asks(house, assertion(house)))
    await site.server.arrived.wait()
    assert (await exchanged(house, desk())).status == "OK"
    assert not waiting.done()
    site.server.gate.set()
    assert (await waiting).status == "OK"


@pytest.mark.req("E-14")
@pytest.mark.parametrize("places", [(), ("grants",), ("tools",), ("grants", "tools")])
async def test_metadata_says_so_exactly_where_such_a_client_is_registered(
    tmp_path: Path, places: tuple[str, ...]
) -> None:
    async with agent_house(tmp_path, registered(*places)) as (house, _):
        for name, issuer in (("grants", org.GRANTS), ("tools", org.SERVER), ("vault", org.OTHER_SERVER)):
            request = mpb.GetIssuerMetadataRequest(issuer=issuer)
            metadata = (await house.metadata().GetIssuerMetadata(request)).metadata
            assert metadata.HasField("client_id_metadata_document_supported") == (name in places)
            found = (await house.http.get(f"{issuer}/.well-known/oauth-authorization-server")).json()
            assert found.get("client_id_metadata_document_supported") == (True if name in places else None)


@pytest.mark.req("D-22")
async def test_the_token_is_revoked_by_the_client_with_the_document(town: tuple[House, Site]) -> None:
    house, _ = town
    grant = (await asks(house, assertion(house))).answer.token
    token = (await redeemed(house, grant, client=signed(assertion(house, org.SERVER)))).answer.access_token
    request = pb.RevokeTokenRequest(issuer=org.SERVER, client=signed(assertion(house, org.SERVER)), token=token)
    assert (await outcome(house, house.stub().RevokeToken(request))).record["outcome"] == "revoked"


async def test_no_jti_of_one_client_uses_up_that_of_another(town: tuple[House, Site]) -> None:
    house, _ = town
    jti = secrets.token_hex(8)
    assert (await asks(house, assertion(house, jti=jti))).status == "OK"
    grant = house.partner_grant(client_id=URL)
    found = await redeemed(house, grant, client=signed(assertion(house, org.SERVER, jti=jti)))
    assert found.reason == "ASSERTION_POLICY"
