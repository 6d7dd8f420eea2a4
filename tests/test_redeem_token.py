"""The access token: what is in it, who signed it, and how it comes over HTTP."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

import organisation as org
from case_files import changed
from case_tokens import own_grant
from grantd import jws
from grantd.v1 import metadata_pb2 as mpb
from grantd_server.governance.faults import BundleError
from grantd_server.keys.own.purpose import Purpose
from house import House, running
from leg_two import active, fresh, own_key, redeemed

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def published(house: House, issuer: str) -> list[dict[str, str]]:
    answer = await house.http.get(f"{issuer}/jwks.json")
    return list(answer.json()["keys"])


def claims_of(token: str) -> dict[str, Any]:
    return dict(jws.read(token).unverified_claims)


@pytest.mark.req("C-01", "C-02", "C-03", "C-04", "C-08", "B-33", "B-34", "B-35", "B-39", "F-21", "F-22")
@pytest.mark.hostile("R15", "R16")
async def test_the_token_has_the_claims_of_rfc_9068_and_no_others(hall: House) -> None:
    jti = fresh()
    answer = await redeem_http(hall, assertion=hall.partner_grant(jti=jti, acr="mfa", email="ann@corp.example"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    token = body.pop("access_token")
    assert body == {"token_type": "Bearer", "expires_in": 900, "scope": "tickets:read", "resource": org.TICKETS}
    claims = claims_of(token)
    assert set(claims) == {"iss", "sub", "aud", "client_id", "scope", "jti", "iat", "exp", "acr"}
    assert claims["aud"] == org.TICKETS
    assert claims["exp"] - claims["iat"] == 900
    header = jwt.get_unverified_header(token)
    assert set(header) == {"alg", "kid", "typ"}
    assert header["typ"] == "at+jwt"
    assert jti not in token
    assert jti not in str(claims)


@pytest.mark.req("C-06", "E-12", "E-17")
@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
async def test_another_library_verifies_the_token_with_the_published_keys(
    tmp_path_factory: pytest.TempPathFactory, algorithm: str
) -> None:
    document = changed(org.bundle(), {"authorization_servers.tools.algorithm": algorithm})
    async with running(tmp_path_factory.mktemp("house"), document) as house:
        found = await redeemed(house, house.partner_grant(jti=fresh()))
        token = found.answer.access_token
        keys = jwt.PyJWKSet.from_dict({"keys": await published(house, org.SERVER)})
        header = jwt.get_unverified_header(token)
        assert header["alg"] == algorithm
        verified = jwt.decode(
            token, keys[header["kid"]], algorithms=[algorithm], audience=org.TICKETS, issuer=org.SERVER
        )
        assert verified == claims_of(token)
        assert await active(house, token)


@pytest.mark.req("C-10", "E-17", "G-05")
async def test_grants_and_tokens_are_signed_with_keys_of_their_own(hall: House) -> None:
    found = await redeemed(hall, await own_grant(hall))
    kid = jwt.get_unverified_header(found.answer.access_token)["kid"]
    grants, tokens = await published(hall, org.GRANTS), await published(hall, org.SERVER)
    assert kid in {key["kid"] for key in tokens}
    assert not {key["x"] for key in grants} & {key["x"] for key in tokens}
    token_key = own_key(hall, org.SERVER, Purpose.ACCESS_TOKEN)
    forged = hall.partner_grant(jti=fresh(), iss=org.GRANTS, key=token_key)
    assert (await redeemed(hall, forged)).reason == "ASSERTION_KEY"
    assert (await redeemed(hall, found.answer.access_token)).reason == "ASSERTION_ISSUER"
    over_grpc = await hall.metadata().GetJwks(mpb.GetJwksRequest(issuer=org.SERVER))
    assert kid in {key.kid for key in over_grpc.keys}


@pytest.mark.req("B-15", "C-07", "G-24", "G-25")
async def test_one_sub_of_two_issuers_is_two_users(hall: House) -> None:
    theirs, ours = await redeemed(hall, hall.partner_grant(jti=fresh())), await redeemed(hall, await own_grant(hall))
    subs = [claims_of(each.answer.access_token)["sub"] for each in (theirs, ours)]
    assert subs == ["partner|p-77", "grants|p-77"]
    assert theirs.record["subject"] != ours.record["subject"], "nor are they one on record"
    assert "p-77" not in str(theirs.record)


@pytest.mark.req("C-07", "G-25")
async def test_no_client_can_be_registered_under_the_name_of_a_user(hall: House) -> None:
    with pytest.raises(BundleError, match="client_id"):
        await hall.apply(changed(org.bundle(), {"clients.other.at.tools.client_id": "partner|p-77"}))


async def redeem_http(house: House, **form: Any) -> Any:
    fields = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "client_id": "cli_desk",
        "client_secret": org.TOOLS_SECRET,
        **form,
    }
    return await house.http.post(f"{org.SERVER}/token", data=fields)


@pytest.mark.req("B-01", "B-43", "F-32", "F-33")
@pytest.mark.hostile("R14")
@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"assertion": ["one", "two"]}, "invalid_request"),
        ({"assertion": ""}, "invalid_request"),
        ({"grant_type": ["urn:ietf:params:oauth:grant-type:jwt-bearer"] * 2}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:token-exchange"}, "unsupported_grant_type"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-dpop"}, "unsupported_grant_type"),
    ],
    ids=str,
)
async def test_a_form_that_says_it_twice_or_another_thing_uses_up_no_grant(
    hall: House, form: dict[str, Any], error: str
) -> None:
    grant = hall.partner_grant(jti=fresh())
    fields = {"assertion": grant, **form}
    fields = {name: [grant, grant] if value == ["one", "two"] else value for name, value in fields.items()}
    answer = await redeem_http(hall, **fields)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.headers["cache-control"] == "no-store"
    assert (await redeem_http(hall, assertion=grant)).status_code == 200
