"""Revocation: at once, for good, and only by the client that the token was issued to."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING

import pytest

import organisation as org
from case_files import changed
from case_tokens import own_grant
from grantd import jws
from grantd_server.checks import digest
from house import House, running
from leg_two import OTHER, a_token, active, batch, fresh, redeemed, revoked, robot_at_tools

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.req("C-36", "C-38", "X-11")
@pytest.mark.parametrize("transport", ["grpc", "inprocess"])
async def test_a_revoked_token_is_inactive_at_once_and_no_other_is(hall: House, transport: str) -> None:
    token, other = await a_token(hall), await a_token(hall)
    found = await revoked(hall, token, transport)
    assert found.status == "OK"
    answers = (await batch(hall, [token, other])).answer.results
    assert [answer.active for answer in answers] == [False, True]


@pytest.mark.req("C-36", "C-38", "F-29", "F-21")
async def test_over_http_revocation_is_answered_by_nothing(hall: House) -> None:
    token = await a_token(hall)
    form = {"token": token, "client_id": "cli_desk", "client_secret": org.TOOLS_SECRET}
    for each in ({}, {"token_type_hint": "access_token"}, {"token": "garbage"}):
        answer = await hall.http.post(f"{org.SERVER}/revoke", data={**form, **each})
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["cache-control"] == "no-store"
    assert not await active(hall, token)


@pytest.mark.req("C-36", "C-39")
async def test_what_a_revocation_did_is_on_record_with_the_chain(hall: House) -> None:
    issued = await redeemed(hall, hall.partner_grant(jti=fresh()))
    token = issued.answer.access_token
    first, second, garbage = await revoked(hall, token), await revoked(hall, token), await revoked(hall, "garbage")
    assert [each.status for each in (first, second, garbage)] == ["OK"] * 3
    assert [each.record["outcome"] for each in (first, second, garbage)] == ["revoked", "revoked", "unchanged"]
    kept = await hall.durable(first.id)
    assert kept is not None
    assert (kept["client"], kept["chain"], kept["token_hash"]) == (
        "desk",
        issued.record["chain"],
        issued.record["token_hash"],
    )
    assert await hall.durable(garbage.id) is not None
    assert token.rpartition(".")[2] not in str(kept)


@pytest.mark.req("C-37", "F-35")
async def test_another_clients_attempt_is_refused_and_leaves_the_token_alone(hall: House) -> None:
    token = await a_token(hall)
    found = await revoked(hall, token, client=OTHER)
    assert (found.status, found.public) == ("PERMISSION_DENIED", "TOKEN_NOT_OWNED")
    assert await active(hall, token)


@pytest.mark.req("C-37")
async def test_an_asker_without_proof_revokes_nothing(hall: House) -> None:
    token = await a_token(hall)
    for form in ({}, {"client_id": "cli_desk"}, {"client_id": "cli_desk", "client_secret": "wrong"}):
        answer = await hall.http.post(f"{org.SERVER}/revoke", data={"token": token, **form})
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert await active(hall, token)


@pytest.mark.req("C-36")
async def test_a_token_is_revoked_at_the_server_that_issued_it_only(tmp_path: Path) -> None:
    at_vault = {
        "clients.desk.at.vault": {
            "client_id": "cli_desk",
            "authentication": [org.secret("desk-at-vault-7Tq2Wm5Xc9Zn4Kb8Vd1Rf6Gh3Lp0Js")],
            "grant_types": ["jwt-bearer"],
        }
    }
    async with running(tmp_path, changed(org.bundle(), at_vault)) as house:
        token = await a_token(house)
        form = {
            "token": token,
            "client_id": "cli_desk",
            "client_secret": "desk-at-vault-7Tq2Wm5Xc9Zn4Kb8Vd1Rf6Gh3Lp0Js",
        }
        answer = await house.http.post(f"{org.OTHER_SERVER}/revoke", data=form)
        assert answer.status_code == 200
        assert await active(house, token)


@pytest.mark.req("C-38", "G-20")
async def test_a_token_stays_revoked_after_a_restart_as_long_as_any_clock_takes_it(tmp_path: Path) -> None:
    async with running(tmp_path, org.bundle()) as house:
        token, other = await a_token(house), await a_token(house)
        assert (await revoked(house, token)).status == "OK"
    with sqlite3.connect(tmp_path / "grantd.db") as file:
        claims = jws.read(token).unverified_claims
        ((expires,),) = file.execute(
            "SELECT expires FROM tombstones WHERE digest = ?", (digest(str(claims["jti"])),)
        ).fetchall()
    assert expires == claims["exp"] + 30 + 30 + 1
    async with running(tmp_path) as house:
        await house.parts.world.catch_up()
        assert not await active(house, token)
        assert await active(house, other)


@pytest.mark.req("C-38")
async def test_revoking_one_use_of_a_grant_leaves_the_others(hall: House) -> None:
    await hall.apply(changed(org.bundle(), {"clients.desk.at.tools.reuse_limit": 3}))
    grant = hall.partner_grant(jti=fresh())
    one, two = [(await redeemed(hall, grant)).answer.access_token for _ in range(2)]
    await revoked(hall, one)
    assert (await active(hall, one), await active(hall, two)) == (False, True)
    assert (await redeemed(hall, grant)).status == "OK", "the grant itself was not revoked"
    await hall.apply(org.bundle())


@pytest.mark.req("C-36", "D-10", "G-18")
async def test_a_client_that_signs_its_assertions_revokes_with_each_once(hall: House) -> None:
    grants = [await own_grant(hall, client_id="cli_robot") for _ in range(2)]
    one, two = [(await redeemed(hall, grant, client=robot_at_tools(hall))).answer.access_token for grant in grants]
    proof = robot_at_tools(hall)
    assert (await revoked(hall, one, client=proof)).record["outcome"] == "revoked"
    again = await revoked(hall, two, client=proof)
    assert again.reason == "CLIENT_ASSERTION_REPLAYED"
    assert (await active(hall, one), await active(hall, two)) == (False, True)


@pytest.mark.req("C-36", "F-45")
async def test_without_its_database_nothing_is_called_revoked(hall: House, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await a_token(hall)
    with hall.busy_database(monkeypatch):
        found = await revoked(hall, token)
    assert (found.status, found.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
    assert await active(hall, token)
    assert (await revoked(hall, token)).status == "OK"
    assert not await active(hall, token)


@pytest.mark.req("C-38")
async def test_concurrent_revocations_all_hold(hall: House) -> None:
    tokens = [await a_token(hall) for _ in range(12)]
    found = await asyncio.gather(*(revoked(hall, token) for token in tokens for _ in range(2)))
    assert {each.status for each in found} == {"OK"}
    answers = (await batch(hall, tokens)).answer.results
    assert not any(answer.active for answer in answers)
