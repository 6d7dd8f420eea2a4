"""Client authentication as forms and headers carry it, through the whole service."""

from __future__ import annotations

import base64
import hmac
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from case_transports import ASSERTION_TYPE, GRANT_TYPES
from grantd_server.client_auth import secret
from house import House
from leg_one import exchange_form, reason_of, robot_claims

if TYPE_CHECKING:
    import httpx2

pytestmark = pytest.mark.asyncio(loop_scope="module")


def basic(client_id: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{password}".encode()).decode()


def form(house: House, **changed: Any) -> dict[str, Any]:
    """An honest exchange without any proof of the client."""
    return exchange_form(house, **{"scope": "tickets:read", **changed})


async def post(house: House, data: Any, *, at: str = org.GRANTS, **headers: str) -> httpx2.Response:
    return await house.http.post(f"{at}/token", data=data, headers=headers)


POSTED = {"client_id": "desk-agent", "client_secret": org.DESK_SECRET}
HEADER = {"authorization": basic("desk-agent", org.DESK_SECRET)}
ASSERTED = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": "a.b.c"}

TWO_PROOFS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "header and body": (POSTED, HEADER),
    "header and a secret alone": ({"client_secret": org.DESK_SECRET}, HEADER),
    "header and an assertion": (ASSERTED, HEADER),
    "header and the type of an assertion": ({"client_assertion_type": ASSERTION_TYPE}, HEADER),
    "body and an assertion": ({**POSTED, **ASSERTED}, {}),
}


@pytest.mark.req("D-06", "F-32")
@pytest.mark.hostile("A01")
@pytest.mark.parametrize("name", TWO_PROOFS)
async def test_two_proofs_in_one_request_are_refused_though_both_may_be_right(hall: House, name: str) -> None:
    fields, headers = TWO_PROOFS[name]
    answer = await post(hall, form(hall, **fields), **headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert await reason_of(hall, answer) == "MULTIPLE_CREDENTIALS"


@pytest.mark.req("D-06", "F-34")
@pytest.mark.hostile("A10")
async def test_another_client_id_in_the_body_than_in_the_header_is_refused(hall: House) -> None:
    answer = await post(hall, form(hall, client_id="robot"), **HEADER)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert await reason_of(hall, answer) == "CLIENT_ID_MISMATCH"


@pytest.mark.req("F-32")
@pytest.mark.hostile("A01", "A09")
@pytest.mark.parametrize("left_out", ["client_assertion", "client_assertion_type"])
async def test_half_of_an_assertion_is_an_invalid_request(hall: House, left_out: str) -> None:
    answer = await post(hall, form(hall, client_id="robot", **{**ASSERTED, left_out: None}))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert await reason_of(hall, answer) == "PARAMETER_MISSING"


@pytest.mark.req("F-25", "F-34")
@pytest.mark.parametrize("header", ["Basic", "Basic ???", "Bearer abc", basic("", ""), "Basic " + "e" * 40])
async def test_a_header_that_proves_nothing_is_challenged(hall: House, header: str) -> None:
    answer = await post(hall, form(hall), authorization=header)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic realm=")


@pytest.mark.req("F-06", "F-32")
@pytest.mark.hostile("X01")
@pytest.mark.parametrize("name", ["subject_token", "client_id", "client_secret", "grant_type", "scope", "actor_token"])
async def test_a_parameter_sent_twice_is_refused(hall: House, name: str) -> None:
    fields = form(hall, **POSTED)
    fields[name] = [fields.get(name, "x"), fields.get(name, "x")]
    answer = await post(hall, fields)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert await reason_of(hall, answer) == "PARAMETER_REPEATED"


@pytest.mark.req("A-01", "F-33")
@pytest.mark.parametrize(
    "grant_type",
    [
        GRANT_TYPES["redeem"],
        "authorization_code",
        "client_credentials",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "urn:ietf:params:oauth:grant-type:jwt-dpop",
        "URN:ietf:params:oauth:grant-type:token-exchange",
        "token-exchange",
    ],
)
async def test_another_grant_type_never_reaches_the_exchange(hall: House, grant_type: str) -> None:
    before = hall.counted("grantd.calls", rpc="ExchangeIdentity")
    answer = await post(hall, form(hall, grant_type=grant_type, **POSTED))
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
    assert await reason_of(hall, answer) == "GRANT_TYPE_UNSUPPORTED"
    assert hall.counted("grantd.calls", rpc="ExchangeIdentity") == before


@pytest.mark.req("A-01", "F-33")
async def test_an_authorization_server_takes_no_token_exchange(hall: House) -> None:
    fields = form(hall, client_id="cli_desk", client_secret=org.TOOLS_SECRET)
    answer = await post(hall, fields, at=org.SERVER)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def same_but_for_the_id(answers: list[httpx2.Response]) -> bool:
    shown = []
    for answer in answers:
        headers = {name: value for name, value in answer.headers.items() if name != "x-grantd-decision-id"}
        shown.append((answer.status_code, answer.content, headers))
    return len({repr(each) for each in shown}) == 1


@pytest.mark.req("G-42", "F-34")
@pytest.mark.hostile("A15")
@pytest.mark.parametrize("method", ["body", "header"])
async def test_every_failed_authentication_looks_the_same(hall: House, method: str) -> None:
    pairs = [("nobody", "wrong"), ("desk-agent", "wrong"), ("robot", "wrong"), ("cli_desk", org.TOOLS_SECRET)]
    answers = []
    for client_id, password in pairs:
        if method == "header":
            answers.append(await post(hall, form(hall), authorization=basic(client_id, password)))
        else:
            answers.append(await post(hall, form(hall, client_id=client_id, client_secret=password)))
    await hall.block("client", "desk")
    fields, headers = (POSTED, {}) if method == "body" else ({}, HEADER)
    answers.append(await post(hall, form(hall, **fields), **headers))
    await hall.unblock("client", "desk")
    assert same_but_for_the_id(answers)
    reasons = [await reason_of(hall, answer) for answer in answers]
    expected = [
        "CLIENT_UNKNOWN",
        "CLIENT_SECRET_MISMATCH",
        "CLIENT_METHOD_MISMATCH",
        "CLIENT_UNKNOWN",
        "CLIENT_BLOCKED",
    ]
    assert reasons == expected, "and only the record tells them apart"


@pytest.mark.req("G-42", "F-34")
@pytest.mark.hostile("A15")
async def test_every_failed_assertion_looks_the_same(hall: House) -> None:
    def signed(key: Any, client_id: str, **claims: Any) -> dict[str, str]:
        made = key.sign(robot_claims(hall, **{"iss": client_id, "sub": client_id, **claims}))
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": made}

    used = signed(org.ROBOT_KEY, "robot", jti="once")
    assert await reason_of(hall, await post(hall, form(hall, **used))) == "SUBJECT_TOKEN_AUDIENCE"
    proofs = [
        signed(org.ROBOT_KEY, "nobody"),
        signed(org.LOGIN_KEY, "robot"),
        signed(org.ROBOT_KEY, "robot", aud="https://elsewhere.example"),
        signed(org.ROBOT_KEY, "desk-agent"),
        used,
    ]
    assert same_but_for_the_id([await post(hall, form(hall, **proof)) for proof in proofs])


@pytest.mark.req("G-41", "F-40")
async def test_every_bad_sign_in_looks_the_same(hall: House) -> None:
    tokens = [
        hall.id_token(iss="https://nobody.example"),
        hall.id_token(aud="another"),
        hall.id_token(key=org.PARTNER_KEY),
        hall.id_token(exp=hall.now - 100),
        hall.id_token() + "x",
        "no token",
    ]
    answers = [await post(hall, form(hall, subject_token=token, **POSTED)) for token in tokens]
    assert same_but_for_the_id(answers)


@pytest.mark.req("G-42", "D-04")
@pytest.mark.hostile("A15")
async def test_an_unknown_client_costs_the_comparison_of_a_wrong_secret(
    hall: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[int, int]] = []

    def counting(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(secret, "hmac", SimpleNamespace(compare_digest=counting))
    for client_id in ("nobody", "desk-agent", "robot"):
        await post(hall, form(hall, client_id=client_id, client_secret="wrong"))
        assert compared.pop() == (32, 32), "in constant time, digest against digest"
        assert not compared
