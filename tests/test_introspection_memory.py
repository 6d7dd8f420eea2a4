"""A verification that is remembered saves a signature check and nothing else."""

from __future__ import annotations

import pytest

import organisation as org
from case_files import changed
from case_tokens import own_token
from grantd import jws
from grantd_server.checks import chain_of
from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.rotation import Rotation, Schedule
from house import House, running
from leg_two import WIKI_SERVER, a_token, active, batch, bury, fresh, introspected, redeemed, revoked, secret_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def remembered(house: House) -> str:
    """A token whose signature was verified a moment ago."""
    token = await a_token(house)
    assert await active(house, token)
    assert any(held.get("jti") == jws.read(token).unverified_claims["jti"] for held in _held(house))
    return token


def _held(house: House) -> list[jws.Claims]:
    return list(house.parts.world.verified._claims.values())


@pytest.mark.req("C-38", "C-23")
async def test_a_remembered_token_is_inactive_once_revoked(hall: House) -> None:
    token = await remembered(hall)
    assert (await revoked(hall, token)).status == "OK"
    assert not await active(hall, token)


@pytest.mark.req("C-39", "C-23")
async def test_a_remembered_token_is_inactive_once_its_chain_is_revoked(hall: House) -> None:
    jti = fresh()
    found = await redeemed(hall, hall.partner_grant(jti=jti))
    assert await active(hall, found.answer.access_token)
    await bury(hall, org.PARTNER, jti)
    assert not await active(hall, found.answer.access_token)


@pytest.mark.req("C-39", "C-23")
async def test_a_revoked_chain_also_takes_back_a_token_that_no_row_was_kept_of(hall: House) -> None:
    """Its own tombstone is not there: the chain, which its jti names, is enough."""
    jti = fresh()
    token = await own_token(hall, jti=f"{chain_of(org.PARTNER, jti)}.never-written")
    assert await active(hall, token)
    await bury(hall, org.PARTNER, jti)
    assert not await active(hall, token)


@pytest.mark.req("C-39", "C-23")
@pytest.mark.parametrize(
    ("kind", "name"),
    [("user", "partner|p-77"), ("client", "desk"), ("issuer", org.PARTNER), ("resource", "tickets")],
)
async def test_a_remembered_token_is_inactive_while_something_of_it_is_blocked(
    hall: House, kind: str, name: str
) -> None:
    token = await remembered(hall)
    await hall.block(kind, name)
    assert not await active(hall, token)
    await hall.unblock(kind, name)
    assert await active(hall, token)


@pytest.mark.req("C-23", "C-22", "G-14")
@pytest.mark.parametrize(("late", "still"), [(929, True), (930, False), (931, False), (100_000, False)])
async def test_a_remembered_token_is_inactive_once_expired(
    hall: House, monkeypatch: pytest.MonkeyPatch, late: int, still: bool
) -> None:
    token = await remembered(hall)
    issued = int(str(jws.read(token).unverified_claims["iat"]))
    monkeypatch.setattr(hall.parts.world, "clock", lambda: float(issued + late))
    assert await active(hall, token) == still


@pytest.mark.req("C-22", "G-14")
@pytest.mark.parametrize(("ahead", "already"), [(30, True), (31, False)])
async def test_a_token_of_a_clock_that_is_ahead_is_active_within_the_skew(
    hall: House, monkeypatch: pytest.MonkeyPatch, ahead: int, already: bool
) -> None:
    now = hall.now
    token = await own_token(hall, iat=now + ahead, nbf=now + ahead, exp=now + 600)
    monkeypatch.setattr(hall.parts.world, "clock", lambda: float(now))
    assert await active(hall, token) == already


@pytest.mark.req("C-24", "G-26")
@pytest.mark.hostile("I02")
async def test_a_remembered_token_is_inactive_for_another_asker(hall: House) -> None:
    token = await remembered(hall)
    assert not await active(hall, token, client=WIKI_SERVER)
    assert await active(hall, token)


@pytest.mark.req("C-22", "G-05")
async def test_a_remembered_token_is_inactive_at_another_server_of_ours(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    secret = "vault-server-4Kd8Rf2Tz6Wx0Qp3Lm7Nb1Vc5Hj9Gs"
    server = {
        "resource_servers.vault-server": {
            "at": "vault",
            "client_id": "rs-vault",
            "authentication": [org.secret(secret)],
            "resources": ["vault"],
        }
    }
    async with running(tmp_path_factory.mktemp("two"), changed(org.bundle(), server)) as house:
        token = await remembered(house)
        asker = secret_of("rs-vault", secret)
        assert not await active(house, token, issuer=org.OTHER_SERVER, client=asker)
        found = await introspected(house, token, issuer=org.OTHER_SERVER, client=asker)
        assert "token.kid" in {name for _, name, held, _, _ in found.record["checks"] if not held}


@pytest.mark.req("C-23", "B-38")
@pytest.mark.parametrize(
    "edit",
    [
        {"authorization_servers.tools.trusts.partner": None, "redemptions.tools.1": None},
        {"clients.desk.at.tools": None},
        {"resource_servers.tickets-server.resources": ["wiki"]},
    ],
    ids=["the trust", "the client", "what the asker may ask about"],
)
async def test_a_remembered_token_is_inactive_once_governance_takes_something_of_it_back(
    hall: House, edit: dict[str, object]
) -> None:
    token = await remembered(hall)
    await hall.apply(changed(org.bundle(), edit))
    assert not await active(hall, token)
    await hall.apply(org.bundle())
    assert await active(hall, token)


async def test_what_is_no_valid_token_is_never_remembered(hall: House) -> None:
    token = await a_token(hall)
    before = len(_held(hall))
    await batch(hall, ["garbage", token[:-1], token + "x", "", "a.b.c"])
    assert len(_held(hall)) == before


@pytest.mark.req("C-22", "C-23", "E-18")
@pytest.mark.hostile("I09", "K14")
async def test_a_remembered_token_lives_as_long_as_its_key(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with running(tmp_path_factory.mktemp("keys"), org.bundle()) as house:
        ring = house.parts.world.ring
        steps = Rotation(ring._directory, Schedule())
        old = ring.signer(org.SERVER, Purpose.ACCESS_TOKEN).kid
        token = await remembered(house)

        steps.publish(org.SERVER, Purpose.ACCESS_TOKEN, house.now)
        steps.activate(org.SERVER, Purpose.ACCESS_TOKEN, house.now, at_once=True)
        ring.reload()
        assert await active(house, token), "its key is retired, inside the overlap"
        younger = await remembered(house)
        assert await active(house, younger)

        steps.remove(org.SERVER, Purpose.ACCESS_TOKEN, old, house.now, at_once=True)
        ring.reload()
        assert not await active(house, token), "its key is gone"
        assert await active(house, younger)

        steps.taint(org.SERVER, Purpose.ACCESS_TOKEN, ring.signer(org.SERVER, Purpose.ACCESS_TOKEN).kid, house.now)
        ring.reload()
        assert not await active(house, younger), "its key is tainted"
        assert await active(house, await a_token(house)), "and the next one signs already"
