"""Time at redemption: to the second, with the clock standing still."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

import organisation as org
from case_files import changed
from grantd import jws
from house import House, running
from leg_two import fresh, redeemed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from leg_one import Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = 1_795_000_000


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hall(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with running(tmp_path_factory.mktemp("hall"), org.bundle()) as house:
        house.parts.world.clock = lambda: float(NOW)
        yield house


async def at(house: House, **claims: Any) -> Outcome:
    """Redeems a grant with these dates, relative to now."""
    dates = {name: NOW + value for name, value in {"iat": -1, "exp": 299, **claims}.items()}
    return await redeemed(house, org.partner_grant(NOW, jti=fresh(), **dates))


@pytest.mark.req("B-11", "G-14")
@pytest.mark.parametrize(
    "dates",
    [
        {"exp": -29, "iat": -100},
        {"iat": 30, "exp": 200},
        {"nbf": 30},
        {"iat": -1, "exp": 299},
        {"iat": -329, "exp": -29},
        {"exp": 0.5},
        {"nbf": -10_000},
    ],
    ids=str,
)
async def test_a_date_inside_the_skew_passes(hall: House, dates: dict[str, float]) -> None:
    found = await at(hall, **dates)
    assert found.status == "OK", found.record


@pytest.mark.req("B-11", "B-42", "G-14", "F-40")
@pytest.mark.parametrize(
    ("dates", "reason", "check"),
    [
        ({"exp": -30, "iat": -100}, "ASSERTION_EXPIRED", "assertion.expired"),
        ({"exp": -31, "iat": -100}, "ASSERTION_EXPIRED", "assertion.expired"),
        ({"iat": 31, "exp": 200}, "ASSERTION_TIME", "assertion.time:iat"),
        ({"nbf": 31}, "ASSERTION_TIME", "assertion.time:nbf"),
        ({"iat": 0, "exp": 0}, "ASSERTION_TIME", "assertion.time:exp"),
        ({"iat": 10, "exp": 5}, "ASSERTION_TIME", "assertion.time:exp"),
        ({"iat": -1, "exp": 300}, "ASSERTION_TIME", "assertion.time:life"),
        ({"iat": -1, "exp": 10 * 365 * 86400}, "ASSERTION_TIME", "assertion.time:life"),
        ({"iat": -900, "exp": 10}, "ASSERTION_TIME", "assertion.time:life"),
    ],
    ids=str,
)
async def test_a_date_outside_the_skew_or_the_life_is_refused(
    hall: House, dates: dict[str, float], reason: str, check: str
) -> None:
    found = await at(hall, **dates)
    assert (found.status, found.public, found.reason) == ("FAILED_PRECONDITION", "ASSERTION_INVALID", reason)
    assert found.record["checks"][-1][1:3] == [check, False]


@pytest.mark.req("B-20", "G-20")
async def test_after_a_restored_backup_grants_that_were_issued_before_are_refused_for_good(hall: House) -> None:
    """Their marks are lost. An issuer's clock may run ahead by the skew, 30 s."""
    for restored in (-5000, -50):
        await hall.block("restored", str(NOW + restored))
    assert (await at(hall, iat=-20, exp=200)).status == "OK"
    for iat in (-21, -50, -200):
        found = await at(hall, iat=iat, exp=90)
        assert (found.status, found.public, found.reason) == (
            "FAILED_PRECONDITION",
            "ASSERTION_INVALID",
            "ASSERTION_BEFORE_RESTORE",
        )
        assert found.record["checks"][-1] == [
            "redeem.assertion", "assertion.restored", False, f"iat {NOW - 20} or later", f"iat {NOW + iat}",
        ]  # fmt: skip
    await hall.unblock("restored", str(NOW - 50))
    assert (await at(hall, iat=-21, exp=90)).status == "OK", "that of an older backup is still there"
    await hall.unblock("restored", str(NOW - 5000))


@pytest.mark.req("B-11", "B-13")
async def test_an_issuer_may_be_held_to_shorter_grants(hall: House) -> None:
    edit = {"authorization_servers.tools.trusts.partner.max_lifetime": "1m"}
    await hall.apply(changed(org.bundle(), edit))
    assert (await at(hall, iat=0, exp=60)).status == "OK"
    assert (await at(hall, iat=0, exp=61)).reason == "ASSERTION_TIME"
    await hall.apply(org.bundle())


@pytest.mark.req("B-20", "G-14", "G-20")
@pytest.mark.hostile("R10")
async def test_a_used_grant_is_remembered_longer_than_any_clock_of_ours_would_take_it(hall: House) -> None:
    """One replica's clock may be a skew ahead of the database's, which purges, and
    another's a skew behind: even that one finds the mark as long as it takes the grant."""
    found = await at(hall, iat=-1, exp=20)
    with sqlite3.connect(hall.folder / "grantd.db") as file:
        ((until,),) = file.execute("SELECT until FROM marks WHERE decision_id = ?", (found.id,)).fetchall()
    assert until == NOW + 20 + 30 + 30 + 1
    assert found.record["outcome"] == "granted"


@pytest.mark.req("B-35", "C-02")
@pytest.mark.hostile("R16")
async def test_a_token_lives_from_now_and_not_from_the_grant(hall: House) -> None:
    found = await at(hall, iat=-200, exp=10)
    claims = jws.read(found.answer.access_token).unverified_claims
    assert (claims["iat"], claims["exp"]) == (NOW, NOW + 900)
    assert found.answer.expires_in == 900
