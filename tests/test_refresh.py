"""Refresh tokens of ours: rotation, reuse, the end of a session and of all below it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

import organisation as org
from grantd_server.checks import digest
from grantd_server.store import StoreUnavailable
from grantd_server.subjects.refresh_token import RACE
from house import House, running
from leg_one import desk, exchanged, robot_assertion, signed
from leg_two import active, redeemed
from sessions import (
    LIFETIME,
    SESSION,
    a_session,
    ended,
    exchanged_session,
    refreshed,
    remembered,
    robot,
    with_sessions,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from grantd_server.store.refresh_tokens import RefreshToken

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hall(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with running(tmp_path_factory.mktemp("hall"), with_sessions()) as house:
        yield house


@pytest.mark.req("A-36", "A-39", "X-8")
async def test_an_exchange_uses_nothing_up_and_a_rotation_uses_the_old_token_up(hall: House) -> None:
    token = await a_session(hall)
    for _ in range(3):
        assert (await exchanged_session(hall, token)).status == "OK"
    newer = (await refreshed(hall, token)).answer.token
    assert newer != token
    assert (await exchanged_session(hall, newer)).status == "OK"
    assert (await exchanged_session(hall, token)).reason == "REFRESH_TOKEN_ROTATED"


@pytest.mark.req("A-39")
@pytest.mark.parametrize("transport", ["grpc", "inprocess"])
async def test_of_fifty_rotations_at_once_one_wins_and_its_token_is_good(hall: House, transport: str) -> None:
    token = await a_session(hall)
    found = await asyncio.gather(*(refreshed(hall, token, transport=transport) for _ in range(50)))

    (winner,) = [each for each in found if each.status == "OK"]
    losers = [each for each in found if each is not winner]
    assert {(each.status, each.public) for each in losers} == {("FAILED_PRECONDITION", "SUBJECT_TOKEN_INVALID")}
    assert {each.reason for each in losers} == {"REFRESH_TOKEN_ROTATED"}
    named = {each.record["facts"]["winner"] for each in losers if "winner" in each.record.get("facts", {})}
    assert named <= {winner.id}
    assert (await exchanged_session(hall, winner.answer.token)).status == "OK"


@pytest.mark.req("A-39")
async def test_the_loser_of_a_race_is_told_who_won(hall: House, monkeypatch: pytest.MonkeyPatch) -> None:
    token, read, both = await a_session(hall), hall.store.refresh_token, asyncio.Barrier(2)

    async def read_together(digest: bytes) -> RefreshToken | None:
        found = await read(digest)
        await both.wait()
        return found

    monkeypatch.setattr(hall.store, "refresh_token", read_together)
    one, two = await asyncio.gather(refreshed(hall, token), refreshed(hall, token))
    winner, loser = (one, two) if one.status == "OK" else (two, one)
    assert loser.record["facts"] == {"winner": winner.id}
    assert loser.record["checks"][-1][1:3] == ["subject.current", False]
    assert (loser.record["outcome"], loser.record.get("token_hash")) == ("refused", None)


@pytest.mark.req("A-36", "A-39", "C-38", "G-43")
async def test_a_token_that_was_rotated_and_comes_again_ends_its_family_and_all_below(hall: House) -> None:
    token = await a_session(hall)
    held = (await exchanged_session(hall, token)).answer.token
    access = (await redeemed(hall, (await exchanged_session(hall, token)).answer.token)).answer.access_token
    newest = (await refreshed(hall, token)).answer.token
    assert await active(hall, access)

    hall.later(RACE + 1)
    stolen = await refreshed(hall, token)
    assert stolen.reason == "REFRESH_TOKEN_REUSED"
    assert await hall.durable(stolen.id) is not None
    await hall.parts.world.view.refresh()

    assert (await refreshed(hall, newest)).reason == "REFRESH_TOKEN_REVOKED"
    assert (await exchanged_session(hall, newest)).reason == "REFRESH_TOKEN_REVOKED"
    assert (await redeemed(hall, held)).reason == "ASSERTION_BLOCKED"
    assert not await active(hall, access)


@pytest.mark.req("A-39")
@pytest.mark.parametrize(("seconds", "reason"), [(RACE, "REFRESH_TOKEN_ROTATED"), (RACE + 1, "REFRESH_TOKEN_REUSED")])
async def test_the_time_in_which_renewals_may_cross_is_short(tmp_path: Path, seconds: int, reason: str) -> None:
    async with running(tmp_path, with_sessions()) as house:
        then = house.stop_clock()
        token = await a_session(house)
        newest = (await refreshed(house, token)).answer.token
        house.parts.world.clock = lambda: float(then + seconds)
        assert (await exchanged_session(house, token)).reason == reason
        await house.parts.world.view.refresh()
        usable = reason == "REFRESH_TOKEN_ROTATED"
        assert ((await exchanged_session(house, newest)).status == "OK") == usable


@pytest.mark.req("A-39", "C-36", "C-38")
async def test_ending_a_session_ends_the_grants_and_tokens_below_it_and_no_others(hall: House) -> None:
    token, other = await a_session(hall), await a_session(hall)
    held = (await exchanged_session(hall, token)).answer.token
    access = [
        (await redeemed(hall, (await exchanged_session(hall, each)).answer.token)).answer.access_token
        for each in (token, other)
    ]
    found = await ended(hall, token)
    assert (found.status, found.record["outcome"]) == ("OK", "revoked")

    assert (await redeemed(hall, held)).reason == "ASSERTION_BLOCKED"
    assert [await active(hall, each) for each in access] == [False, True]
    assert (await exchanged_session(hall, other)).status == "OK"


def unheard(house: House) -> None:
    """This process has not heard of any revocation yet, and hears of all at its next poll."""
    view = house.parts.world.view
    view._dead.clear()
    view._newest, view._seen = 0, None


@pytest.mark.req("A-39", "A-36")
async def test_what_another_process_has_ended_meanwhile_is_found_at_the_commit(hall: House) -> None:
    token = await a_session(hall)
    held = (await exchanged_session(hall, token)).answer.token
    found = await ended(hall, token)
    unheard(hall)

    assert (await exchanged_session(hall, token)).reason == "REFRESH_TOKEN_REVOKED"
    unheard(hall)
    assert (await refreshed(hall, token)).reason == "REFRESH_TOKEN_REVOKED"
    unheard(hall)
    assert (await redeemed(hall, held)).reason == "ASSERTION_BLOCKED"
    assert found.record["family"]


@pytest.mark.req("A-39")
async def test_rotation_never_outlives_the_session(tmp_path: Path) -> None:
    async with running(tmp_path, with_sessions()) as house:
        begun = house.stop_clock()
        token = await a_session(house)
        for age in range(LIFETIME - 60, SESSION, LIFETIME - 60):
            house.parts.world.clock = lambda age=age: float(begun + age)
            found = await refreshed(house, token)
            token = found.answer.token
            assert found.answer.expires_in == min(LIFETIME, SESSION - age)
        house.parts.world.clock = lambda: float(begun + SESSION)
        assert (await refreshed(house, token)).reason == "REFRESH_TOKEN_EXPIRED"


@pytest.mark.req("A-36", "F-49", "A-49")
async def test_the_database_holds_neither_a_token_nor_whose_it_is(hall: House) -> None:
    token = await a_session(hall, sub="u-very-secret-person", groups=["eng", "guild-of-thieves"])
    newer = (await refreshed(hall, token)).answer.token
    with sqlite3.connect(hall.folder / "grantd.db") as file:
        rows = file.execute("SELECT * FROM refresh_tokens").fetchall()
        everything = b"".join(repr(row).encode() for row in rows)
        dump = b"".join(path.read_bytes() for path in hall.folder.glob("grantd.db*"))
    for needle in (token, newer, "u-very-secret-person", "guild-of-thieves"):
        assert needle.encode() not in everything + dump
    assert sum(row[8] == b"" for row in rows) >= 1, "a rotated token keeps nobody"
    assert token not in hall.log.getvalue()


@pytest.mark.req("A-37", "A-49")
async def test_the_record_says_that_attributes_are_as_of_the_sign_in(hall: House) -> None:
    token = await a_session(hall)
    found = await exchanged_session(hall, token)
    checks = {name: (expected, got) for _, name, _, expected, got in found.record["checks"]}
    assert checks["subject.attributes"][1] == "as of the sign-in at corp"
    got = await remembered(hall)
    assert got.record["family"] == got.record["chain"]
    assert found.record["family"] not in {got.record["family"], found.record["chain"]}
    assert (await hall.durable(got.id) or {})["token_hash"]


@pytest.mark.req("A-40")
@pytest.mark.parametrize(
    "edits",
    [
        {"identity_providers.corp.subject": "qualified"},
        {"identity_providers.corp.subject": {"claim": "oid"}},
        {"identity_providers.corp.issuer": "https://login2.corp.example"},
        {"clients.desk.at.grants.sso": {"spare": ["desk-sso"]}},
    ],
    ids=["mapping", "claim", "issuer", "client"],
)
async def test_a_sign_in_is_not_used_on_under_another_declaration(tmp_path: Path, edits: dict[str, object]) -> None:
    spare = {
        "issuer": "https://spare.corp.example",
        "keys": with_sessions()["identity_providers"]["corp"]["keys"],
        "algorithms": ["RS256"],
        "subject": "qualified",
    }
    two = {"identity_providers.spare": spare, "grant_issuers.grants.identity_providers": ["corp", "spare"]}
    qualified = {"identity_providers.corp.subject": "qualified"}
    more = {**two, **qualified, **edits} if "clients.desk.at.grants.sso" in edits else edits
    first = {**two, **qualified} if "clients.desk.at.grants.sso" in edits else {}
    async with running(tmp_path, with_sessions(**first)) as house:
        token = await a_session(house)
        await house.apply(with_sessions(**more))
        found = await exchanged_session(house, token)
        assert (found.status, found.reason) == ("FAILED_PRECONDITION", "SIGN_IN_OUTDATED")
        await house.apply(with_sessions(**first))
        assert (await exchanged_session(house, token)).status == "OK"


@pytest.mark.req("A-36", "A-39")
async def test_a_client_that_lost_its_registration_for_renewal_loses_its_sessions(tmp_path: Path) -> None:
    async with running(tmp_path, with_sessions()) as house:
        token = await a_session(house)
        await house.apply(with_sessions(**{"clients.desk.at.grants.grant_types": ["token-exchange"]}))
        assert (await exchanged_session(house, token)).reason == "CLIENT_GRANT_NOT_ALLOWED"
        assert (await refreshed(house, token)).reason == "CLIENT_GRANT_NOT_ALLOWED"
        assert (await exchanged(house)).status == "OK"


@pytest.mark.req("A-24", "D-10")
async def test_a_refused_renewal_uses_up_the_proof_of_the_client_and_not_the_token(hall: House) -> None:
    token = await a_session(hall, robot(hall), aud="robot-sso")
    proof = signed(robot_assertion(hall))
    assert (await refreshed(hall, token, proof, scope="tickets:read")).reason == "SCOPE_UNKNOWN"
    assert (await refreshed(hall, token, proof)).reason == "CLIENT_ASSERTION_REPLAYED"
    assert (await refreshed(hall, token, robot(hall))).status == "OK"


@pytest.mark.req("A-39", "F-45")
async def test_without_its_database_nothing_is_rotated(hall: House, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await a_session(hall)
    with hall.busy_database(monkeypatch):
        found = await refreshed(hall, token)
    assert (found.status, found.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
    assert (await refreshed(hall, token)).status == "OK"


@pytest.mark.req("F-45")
async def test_a_token_that_cannot_be_looked_up_is_not_called_invalid(
    hall: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(digest: bytes) -> None:
        raise StoreUnavailable("gone")

    token = await a_session(hall)
    monkeypatch.setattr(hall.store, "refresh_token", gone)
    for found in (await refreshed(hall, token), await exchanged_session(hall, token), await ended(hall, token)):
        assert (found.status, found.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")


@pytest.mark.req("A-36")
async def test_a_row_that_was_changed_in_the_database_opens_nothing(hall: House) -> None:
    token, other = await a_session(hall), await a_session(hall, sub="u-other")
    mine, theirs = digest(token), digest(other)
    with sqlite3.connect(hall.folder / "grantd.db") as file:
        file.execute(
            "UPDATE refresh_tokens SET sealed = (SELECT sealed FROM refresh_tokens WHERE digest = ?) WHERE digest = ?",
            (theirs, mine),
        )
    found = await exchanged_session(hall, token)
    assert (found.reason, found.record["checks"][-1][1]) == ("REFRESH_TOKEN_UNKNOWN", "subject.sealed")
    assert (await exchanged_session(hall, other)).status == "OK"


@pytest.mark.req("A-71", "A-76", "F-09")
async def test_over_http_the_new_token_is_where_either_kind_of_client_looks(hall: House) -> None:
    token = await a_session(hall)
    form = {
        "grant_type": "refresh_token",
        "refresh_token": token,
        "client_id": "desk-agent",
        "client_secret": "desk-at-grants-3q8Zp1Vw7LkX2nRt6Yb9Qm4Jc5Hs0Ud",
    }
    answer = await hall.http.post("https://grants.corp.example/token", data=form)
    body = answer.json()
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert body.pop("access_token") == body.pop("refresh_token") != token
    assert body == {
        "issued_token_type": "urn:ietf:params:oauth:token-type:refresh_token",
        "token_type": "N_A",
        "expires_in": LIFETIME,
    }
    repeated = "&".join(f"{name}={value}" for name, value in form.items()) + f"&refresh_token={token}"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    twice = await hall.http.post("https://grants.corp.example/token", content=repeated, headers=headers)
    assert (twice.status_code, twice.json()["error"]) == (400, "invalid_request")
    assert json.loads(twice.content)["error_description"] == "a parameter is repeated"


@pytest.mark.req("A-36", "C-36", "D-26")
async def test_a_session_is_one_of_its_issuer_whatever_the_client_is_called_elsewhere(tmp_path: Path) -> None:
    secret = "desk-at-second-4Rt8Wm2Xc7Zn9Kb5Vd3Qf6Gh1Lp0Js"
    second = {
        "grant_issuers.second": {
            "issuer": "https://second.corp.example",
            "trust_domain": "corp",
            "identity_providers": ["corp"],
            "refresh_tokens": {"lifetime": "1h"},
        },
        "clients.desk.at.second": {
            "client_id": "desk-agent",
            "authentication": [org.secret(secret)],
            "grant_types": ["token-exchange", "refresh-token"],
            "sso": {"corp": ["desk-sso"]},
        },
    }
    async with running(tmp_path, with_sessions(**second)) as house:
        token, there = await a_session(house), {"issuer": "https://second.corp.example"}
        assert (await refreshed(house, token, desk(secret), **there)).reason == "REFRESH_TOKEN_OF_ANOTHER"
        assert (await exchanged_session(house, token, desk(secret), **there)).reason == "REFRESH_TOKEN_OF_ANOTHER"
        assert (await ended(house, token, desk(secret), **there)).record["outcome"] == "unchanged"
        assert (await exchanged_session(house, token)).status == "OK"
