"""Tenants from sign-in to introspection: nothing of one is ever worth anything in another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import pytest

import organisation as org
from case_files import changed
from case_tokens import own_token
from grantd import jws
from grantd.v1 import authorization_pb2 as pb
from grantd.v1.client_pb2 import ClientAuthentication
from grantd_server.audit.explaining.explanation import explained
from grantd_server.audit.explaining.text import text_of
from leg_two import DESK, TICKETS_SERVER, secret_of
from test_namespaces import grant

if TYPE_CHECKING:
    from house import House

SOUTH_SECRET = "desk-south-at-tools-8Wn2Kf5Rz1Tx7Pj3Vd6Gq9Lb4Ms0"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def tenants() -> dict[str, Any]:
    """One provider with two customers, and a server that keeps them apart."""
    document = changed(
        org.bundle(),
        {
            "identity_providers.corp.tenant": {"claim": "tid"},
            "grant_issuers.grants.tenants": ["north", "south"],
            "authorization_servers.vault.trusts.grants.tenants": ["north"],
            "authorization_servers.tools.tenants": {"acme": ["grants/north", "partner"], "globex": ["grants/south"]},
            "clients.other": None,
            "clients.robot": None,
            "grants.grants.0.clients": ["desk"],
            "redemptions.tools.0.clients": ["desk"],
        },
    )
    places = document["clients"]["desk"]["at"]
    places["tools/acme"] = places.pop("tools")
    places["tools/globex"] = {
        "client_id": "cli_south",
        "authentication": [org.secret(SOUTH_SECRET)],
        "grant_types": ["jwt-bearer"],
    }
    return document


NORTH, SOUTH = DESK, secret_of("cli_south", SOUTH_SECRET)


async def redeemed(house: House, assertion: str, client: ClientAuthentication) -> str:
    message = pb.RedeemGrantRequest(issuer=org.SERVER, client=client, assertion=assertion)
    return str((await house.stub().RedeemGrant(message)).access_token)


async def active(house: House, token: str) -> pb.IntrospectTokenResponse:
    message = pb.IntrospectTokenRequest(issuer=org.SERVER, client=TICKETS_SERVER, token=token)
    return await house.stub().IntrospectToken(message)


async def refusal(house: House, assertion: str, client: ClientAuthentication) -> dict[str, Any]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await redeemed(house, assertion, client)
    trailers = dict(refused.value.trailing_metadata() or ())
    return await house.record(str(trailers["x-grantd-decision-id"]))


@pytest.mark.req("A-54", "A-64", "A-65", "B-16", "G-23", "A-56")
async def test_each_tenant_has_its_own_client_its_own_accounts_and_its_own_tokens(house: House) -> None:
    await house.apply(tenants())
    for tid, client, client_id, aud_tenant in (
        ("north", NORTH, "cli_desk", "acme"),
        ("south", SOUTH, "cli_south", "globex"),
    ):
        issued = await grant(house, tid=tid)
        claims = jws.read(issued).unverified_claims
        assert (claims["tenant"], claims["aud_tenant"], claims["client_id"]) == (tid, aud_tenant, client_id)
        other = SOUTH if client is NORTH else NORTH
        assert (await refusal(house, issued, other))["reason"] == "ASSERTION_CLIENT"
        token = await redeemed(house, issued, client)
        assert jws.read(token).unverified_claims["sub"] == f"grants/{tid}|u-18f2"
        assert (await active(house, token)).sub == f"grants/{tid}|u-18f2"


@pytest.mark.req("G-23", "C-23")
async def test_a_token_ends_when_its_tenant_is_bound_to_another_or_to_none(house: House) -> None:
    await house.apply(tenants())
    token = await redeemed(house, await grant(house, tid="south"), SOUTH)
    assert (await active(house, token)).active
    swapped = tenants()
    swapped["authorization_servers"]["tools"]["tenants"] = {
        "acme": ["grants/south", "partner"],
        "globex": ["grants/north"],
    }
    await house.apply(swapped)
    assert not (await active(house, token)).active
    await house.apply(tenants())
    assert (await active(house, token)).active
    unbound = tenants()
    unbound["authorization_servers"]["tools"]["tenants"] = {
        "acme": ["grants/north", "partner"],
        "globex": ["grants/north2"],
    }
    unbound["grant_issuers"]["grants"]["tenants"].append("north2")
    await house.apply(unbound)
    assert not (await active(house, token)).active


@pytest.mark.req("G-23", "C-23")
@pytest.mark.parametrize("sub", ["grants|u-18f2", "grants/west|u-18f2", "grants/|u-18f2", "grants/south|u-18f2"])
async def test_a_token_for_an_account_of_no_tenant_or_another_is_not_active(house: House, sub: str) -> None:
    await house.apply(tenants())
    ours = await own_token(house, sub="grants/north|u-18f2")
    assert (await active(house, ours)).active
    assert not (await active(house, await own_token(house, sub=sub))).active


@pytest.mark.req("A-38", "B-38", "G-43")
async def test_a_block_of_one_account_leaves_its_namesake_in_another_tenant_alone(house: House) -> None:
    await house.apply(tenants())
    north = await redeemed(house, await grant(house, tid="north"), NORTH)
    south = await redeemed(house, await grant(house, tid="south"), SOUTH)
    await house.block("user", "grants/north|u-18f2")
    assert not (await active(house, north)).active
    assert (await active(house, south)).active
    record = await refusal(house, await grant(house, tid="north"), NORTH)
    assert record["reason"] == "ASSERTION_BLOCKED"
    await house.unblock("user", "grants/north|u-18f2")
    await house.block("user", "corp:u-18f2")
    assert not (await active(house, north)).active
    assert not (await active(house, south)).active


@pytest.mark.req("A-38", "G-43")
async def test_a_block_in_a_directory_that_is_one_tenant_reaches_that_tenant_only(house: House) -> None:
    document = tenants()
    document["identity_providers"]["corp"]["tenant"] = "north"
    await house.apply(document)
    north, south = [await own_token(house, sub=f"grants/{tid}|u-18f2", client_id=client_id)
                    for tid, client_id in (("north", "cli_desk"), ("south", "cli_south"))]  # fmt: skip
    await house.block("user", "corp:u-18f2")
    assert not (await active(house, north)).active
    assert (await active(house, south)).active


@pytest.mark.req("A-41", "A-64")
async def test_the_record_and_its_explanation_name_the_tenant_and_tell_namesakes_apart(house: House) -> None:
    await house.apply(tenants())
    seen = {}
    for tid, client in (("north", NORTH), ("south", SOUTH)):
        call = house.stub().RedeemGrant(
            pb.RedeemGrantRequest(issuer=org.SERVER, client=client, assertion=await grant(house, tid=tid))
        )
        await call
        trailers = dict(await call.trailing_metadata())
        record = await house.record(str(trailers["x-grantd-decision-id"]))
        assert record["tenant"] == record["inputs"][0]["tenant"] == tid
        assert f"  tenant        {tid}" in text_of(explained(record)).splitlines()
        assert not [check for check in record["checks"] if not check[2]]
        seen[tid] = record["subject"]
    assert seen["north"] != seen["south"]


@pytest.mark.req("G-23", "G-41", "B-42")
async def test_a_tenant_that_is_not_trusted_looks_like_any_bad_grant(house: House) -> None:
    document = changed(
        org.bundle(),
        {
            "trusted_issuers.partner.tenants": ["t-1", "t-2"],
            "authorization_servers.tools.trusts.partner.tenants": ["t-1"],
        },
    )
    await house.apply(document)
    answers = set()
    for claims in ({"tenant": "t-2"}, {"tenant": "t-9"}, {}, {"tenant": "t-1", "aud": org.OTHER_SERVER}):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await redeemed(house, house.partner_grant(jti=f"j{len(answers)}", **claims), NORTH)
        answers.add((refused.value.code(), refused.value.details()))
    assert len(answers) == 1
