"""Hostile tokens at introspection, through the whole service: each is inactive and
nothing else, and an honest token stays active."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

import organisation as org
from grantd import jwk, jws
from grantd_server.keys.own.purpose import Purpose
from hostile_tokens import ALGORITHMS, ES, HOSTILE, ODD_VALUES, Slot, published
from house import House, running
from key_server import KeyServer, key_server
from leg_two import a_token, active

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

TYPE = "at+jwt"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def keys() -> AsyncIterator[KeyServer]:
    async with key_server() as served:
        yield served


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hall(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A house whose keys for access tokens the attacker's tokens are made for."""
    async with running(tmp_path_factory.mktemp("hall"), org.bundle()) as house:
        claims = jws.read(await a_token(house)).unverified_claims
        house.parts.world.ring._view.keysets[org.SERVER, Purpose.ACCESS_TOKEN] = jwk.read_jwks(
            json.dumps(published()), default_algs=frozenset(ALGORITHMS)
        )
        house.folder.joinpath("claims.json").write_text(json.dumps(claims))
        yield house


def slot(house: House, keys: KeyServer, **changed: Any) -> Slot:
    """A genuine token of ours, as a start."""
    claims = json.loads(house.folder.joinpath("claims.json").read_text())
    return Slot({**claims, **changed}, TYPE, keys.url("/offered"))


@pytest.mark.req("C-22", "C-23", "G-01", "G-02", "G-03", "G-05", "G-06", "G-07", "G-15", "F-46")
@pytest.mark.parametrize("case", [pytest.param(case, marks=pytest.mark.hostile(case)) for case in HOSTILE])
async def test_a_hostile_token_is_inactive(hall: House, keys: KeyServer, case: str) -> None:
    tokens = list(HOSTILE[case](slot(hall, keys)))
    assert tokens
    for token in tokens:
        assert not await active(hall, token)
    assert await active(hall, slot(hall, keys).honest())
    assert keys.connections == 0, "nobody asks an address out of a token"


@pytest.mark.hostile("J13", "J40")
@pytest.mark.parametrize(("size", "status"), [(90_000, 200), (1 << 20, 413), (10 << 20, 413)])
async def test_a_token_of_any_length_is_inactive_or_refused_over_http(
    hall: House, keys: KeyServer, size: int, status: int
) -> None:
    form = {"token": "a" * size, "client_id": "rs-tickets", "client_secret": org.RS_SECRET}
    found = await hall.http.post(f"{org.SERVER}/introspect", data=form)
    assert found.status_code == status
    assert status == 413 or found.json() == {"active": False}
    assert await active(hall, slot(hall, keys).honest())


@pytest.mark.req("C-25", "G-10")
@pytest.mark.parametrize("spelling", ["{}", "application/{}", "APPLICATION/{}"])
@pytest.mark.parametrize(
    "typ", ["oauth-id-jag+jwt", "jwt", "client-authentication+jwt", "dpop+jwt", "token-introspection+jwt", "logout+jwt", "secevent+jwt", "at", ""]
)  # fmt: skip
async def test_a_token_of_another_declared_type_is_inactive(
    hall: House, keys: KeyServer, typ: str, spelling: str
) -> None:
    for name in (typ, typ.upper()):
        assert not await active(hall, slot(hall, keys).raw(typ=spelling.format(name)))


@pytest.mark.req("C-22", "G-08", "G-09", "G-13", "G-15")
@pytest.mark.parametrize("value", [*ODD_VALUES, "absent"])
@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "client_id", "jti", "exp", "iat", "nbf"])
async def test_a_claim_of_another_kind_makes_a_token_inactive_and_breaks_nothing(
    hall: House, keys: KeyServer, claim: str, value: str
) -> None:
    honest = slot(hall, keys)
    claims = {name: each for name, each in honest.claims.items() if name != claim}
    if value != "absent":
        claims[claim] = ODD_VALUES[value]
    token = ES.sign_raw(honest.head(), claims)
    assert await active(hall, token) == (claim == "nbf" and value == "absent")
    assert await active(hall, honest.honest())


@pytest.mark.req("C-22")
@pytest.mark.hostile("I08")
async def test_a_token_that_was_cut_is_inactive_however_little_is_missing(hall: House, keys: KeyServer) -> None:
    token = slot(hall, keys).honest()
    signature = token.rindex(".")
    cuts = [*range(1, len(token) - signature + 2), len(token) // 2, len(token) - 1]
    for cut in cuts:
        assert not await active(hall, token[:-cut])
    assert not await active(hall, token[1:])
    assert not await active(hall, token + "A")
    assert await active(hall, token)


async def test_hostile_and_honest_introspections_at_once_do_not_touch_each_other(hall: House, keys: KeyServer) -> None:
    bad, good = list(HOSTILE["J32"](slot(hall, keys))), slot(hall, keys).honest()
    found = await asyncio.gather(*(active(hall, token) for each in bad for token in (each, good)))
    assert found == [False, True] * len(bad)
