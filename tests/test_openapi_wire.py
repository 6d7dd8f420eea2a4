"""What the whole service answers is what the OpenAPI document says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from leg_one import post_exchange
from leg_two import post_grant
from openapi_ import check_answer, document

if TYPE_CHECKING:
    from house import House

TOOLS = ("cli_desk", org.TOOLS_SECRET)
SERVER = ("rs-tickets", org.RS_SECRET)


def operation(path: str, method: str = "post") -> dict[str, Any]:
    found: dict[str, Any] = document()["paths"][path][method]
    return found


async def test_the_whole_road(house: House) -> None:
    grant = await post_exchange(house, scope="tickets:read shared:read")
    token = await post_grant(house, grant.json()["access_token"])
    about = {"token": token.json()["access_token"]}
    active = await house.http.post(f"{org.SERVER}/introspect", data=about, auth=SERVER)
    revoked = await house.http.post(f"{org.SERVER}/revoke", data=about, auth=TOOLS)
    inactive = await house.http.post(f"{org.SERVER}/introspect", data=about, auth=SERVER)

    assert [answer.status_code for answer in (grant, token, active, revoked, inactive)] == [200] * 5
    assert (active.json()["active"], inactive.json()) == (True, {"active": False})
    for answer, path in ((grant, "token"), (token, "token"), (revoked, "revoke"), (inactive, "introspect")):
        check_answer(operation(f"/{path}"), answer)
    check_answer(operation("/introspect"), active)


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"subject_token": "x"}, "invalid_grant"),
        ({"audience": ""}, "invalid_request"),
        ({"audience": "https://else.example"}, "invalid_target"),
        ({"scope": "unheard:of"}, "invalid_scope"),
        ({"actor_token": "x"}, "invalid_request"),
        ({"authorization_details": "[]"}, "invalid_authorization_details"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"resource": org.VAULT}, "invalid_target"),
    ],
)
async def test_refusals_of_leg_1(house: House, changed: dict[str, str], error: str) -> None:
    answer = await post_exchange(house, **changed)
    assert answer.json()["error"] == error
    check_answer(operation("/token"), answer)


async def test_a_stranger(house: House) -> None:
    for path in ("token", "introspect", "revoke"):
        answer = await house.http.post(f"{org.SERVER}/{path}", data={"token": "x"}, auth=("nobody", "nothing"))
        check_answer(operation(f"/{path}"), answer)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        (f"{org.GRANTS}/jwks.json", "/jwks.json"),
        (f"{org.SERVER}/jwks.json", "/jwks.json"),
        (f"{org.SERVER}/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server"),
        (f"{org.GRANTS}/.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server"),
        (f"{org.GRANTS}/.well-known/openid-configuration", "/.well-known/openid-configuration"),
        (f"{org.GRANTS}/openapi.yaml", "/openapi.yaml"),
        (f"{org.GRANTS}/healthz", "/healthz"),
        (f"{org.GRANTS}/readyz", "/readyz"),
    ],
)
async def test_what_anybody_may_read(house: House, url: str, path: str) -> None:
    answer = await house.http.get(url)
    assert answer.status_code == 200
    check_answer(operation(path, "get"), answer)


async def test_the_authorization_endpoint(house: House) -> None:
    for method in ("get", "post"):
        answer = await house.http.request(method, f"{org.SERVER}/authorize")
        assert answer.json()["error"] == "unsupported_response_type"
        check_answer(operation("/authorize", method), answer)
