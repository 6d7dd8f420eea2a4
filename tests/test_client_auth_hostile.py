"""Hostile tokens in the place of the client assertion, through the whole service: each
is refused like any other failed authentication, and an honest call passes afterwards."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

import organisation as org
from grantd_server.model.buckets import SECOND
from hostile_tokens import ALGORITHMS, ES, HOSTILE, ODD_VALUES, Slot
from house import House, running
from key_server import KeyServer
from leg_one import exchanged, robot_claims, signed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")

TYPE = "client-authentication+jwt"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hall(keys: KeyServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A house with a client whose key set has good and bad keys."""
    document = org.bundle()
    method = {"jwks_uri": keys.url("/jwks"), "algorithms": ALGORITHMS}
    document["clients"]["robot"]["at"]["grants"]["authentication"] = [{"private_key_jwt": method}]
    async with running(tmp_path_factory.mktemp("hall"), document) as house:
        # A second between two calls, or so many failures of one client are slowed down.
        house.parts.world.monotonic_ns = count(step=SECOND).__next__
        yield house


def slot(house: House, keys: KeyServer, **changed: Any) -> Slot:
    return Slot(robot_claims(house, **changed), TYPE, keys.url("/offered"))


async def refused(house: House, assertion: str, client_id: str | None = "robot") -> str:
    """Asserts a refusal that tells nothing, and returns the internal reason."""
    found = await exchanged(house, signed(assertion, client_id))
    assert (found.status, found.public) == ("UNAUTHENTICATED", "CLIENT_AUTHENTICATION_FAILED"), found.record
    assert "client" not in found.record, "nobody is named who proved nothing"
    return found.reason


async def passes(house: House, keys: KeyServer) -> None:
    sign_in = house.id_token(aud="robot-sso")
    found = await exchanged(house, signed(slot(house, keys).honest(), "robot"), subject_token=sign_in)
    assert found.status == "OK", found.record


@pytest.mark.req("D-07", "G-02", "G-05", "G-15")
@pytest.mark.parametrize("case", [pytest.param(case, marks=pytest.mark.hostile(case)) for case in HOSTILE])
async def test_a_hostile_token_authenticates_nobody(hall: House, keys: KeyServer, case: str) -> None:
    tokens = list(HOSTILE[case](slot(hall, keys)))
    assert tokens
    for token in tokens:
        assert await refused(hall, token) in {"CLIENT_ASSERTION_INVALID", "CLIENT_ID_MISMATCH"}
    await passes(hall, keys)
    assert keys.paths["/offered"] == 0, "nobody asks an address out of a token"


@pytest.mark.req("D-09", "G-10")
@pytest.mark.parametrize("spelling", ["{}", "application/{}"])
@pytest.mark.parametrize(
    "typ",
    ["at+jwt", "oauth-id-jag+jwt", "dpop+jwt", "token-introspection+jwt", "logout+jwt", "secevent+jwt", "id+jwt", "", "jose"],
)  # fmt: skip
async def test_an_assertion_of_another_declared_type_is_refused(
    hall: House, keys: KeyServer, typ: str, spelling: str
) -> None:
    assert await refused(hall, slot(hall, keys).raw(typ=spelling.format(typ))) == "CLIENT_ASSERTION_INVALID"


@pytest.mark.req("D-09")
@pytest.mark.parametrize("typ", ["CLIENT-AUTHENTICATION+JWT", "application/client-authentication+jwt", "jwt"])
async def test_a_declared_type_is_compared_without_case_and_prefix(hall: House, keys: KeyServer, typ: str) -> None:
    found = await exchanged(hall, signed(slot(hall, keys).raw(typ=typ)), subject_token=hall.id_token(aud="robot-sso"))
    assert found.status == "OK", found.record


@pytest.mark.req("D-07", "D-10", "G-08", "G-09", "G-13", "G-15")
@pytest.mark.hostile("A03")
@pytest.mark.parametrize("value", ODD_VALUES)
@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "iat", "nbf", "jti"])
async def test_a_claim_of_another_kind_is_refused_and_breaks_nothing(
    hall: House, keys: KeyServer, claim: str, value: str
) -> None:
    for client_id in ("robot", None):
        claims = dict(slot(hall, keys).claims) | {claim: ODD_VALUES[value]}
        token = ES.sign_raw({"alg": "ES256", "kid": ES.kid, "typ": TYPE}, claims)
        assert await refused(hall, token, client_id) == "CLIENT_ASSERTION_INVALID"
    await passes(hall, keys)


@pytest.mark.req("D-07", "D-11", "D-08")
@pytest.mark.hostile("A03")
@pytest.mark.parametrize(
    "changed",
    [
        {"sub": "ROBOT", "iss": "ROBOT"},
        {"sub": "robot "},
        {"iss": "robot\n"},
        {"aud": "https://grants.corp.example/"},
        {"aud": "HTTPS://GRANTS.corp.example"},
        {"aud": ["https://grants.corp.example", "https://grants.corp.example"]},
        {"jti": "x" * 257},
        {"jti": "a\0b"},
    ],
)
async def test_an_assertion_that_is_nearly_right_is_refused(
    hall: House, keys: KeyServer, changed: dict[str, Any]
) -> None:
    reason = await refused(hall, slot(hall, keys, **changed).honest(), None)
    assert reason in {"CLIENT_ASSERTION_INVALID", "CLIENT_UNKNOWN"}
    await passes(hall, keys)
