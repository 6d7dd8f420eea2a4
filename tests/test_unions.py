"""Clients that ask for everything they ever heard of, and callers without a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from leg_one import post_exchange
from leg_two import fresh, post_grant

if TYPE_CHECKING:
    import httpx2

    from house import House


async def redeemed(house: House, **more: str) -> httpx2.Response:
    return await post_grant(house, house.partner_grant(jti=fresh(), scope="tickets:read"), **more)


@pytest.mark.req("H-19", "A-42", "B-27")
@pytest.mark.parametrize("leg", [post_exchange, redeemed], ids=["exchanged", "redeemed"])
async def test_a_union_of_scopes_wider_than_policy_is_narrowed_and_does_not_fail(house: House, leg: Any) -> None:
    # What a client asks for after a 403: all that it had and all that it lacked.
    answer = await leg(house, scope="tickets:write tickets:read tickets:admin")

    assert answer.status_code == 200, answer.text
    assert answer.json()["scope"] == "tickets:read"


@pytest.mark.req("X-3", "B-28")
async def test_a_request_without_scope_asks_for_all_of_the_grant(house: House) -> None:
    answer = await redeemed(house)

    assert answer.json()["scope"] == "tickets:read"


@pytest.mark.req("D-27")
@pytest.mark.parametrize("typ", ["at+jwt", "JWT"])
async def test_a_token_of_a_client_alone_never_becomes_a_grant(house: House, typ: str) -> None:
    # As a directory issues it for the client credentials grant (RFC 9068 section 2.2).
    claims = {
        "iss": org.LOGIN,
        "sub": "desk-sso",
        "aud": "desk-sso",
        "client_id": "desk-sso",
        "scope": "api",
        "jti": fresh(),
        "iat": house.now - 1,
        "exp": house.now + 300,
        "groups": ["eng"],
    }
    answer = await post_exchange(house, subject_token=org.LOGIN_KEY.sign(claims, typ))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.req("D-27")
@pytest.mark.parametrize("origin", [org.GRANTS, org.SERVER])
async def test_there_is_no_grant_for_a_client_alone(house: House, origin: str) -> None:
    client = ("desk-agent", org.DESK_SECRET) if origin == org.GRANTS else ("cli_desk", org.TOOLS_SECRET)
    answer = await house.http.post(f"{origin}/token", data={"grant_type": "client_credentials"}, auth=client)

    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
