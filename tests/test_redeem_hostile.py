"""Hostile tokens in the place of the assertion, through the whole service: each is
refused like any other bad grant, and the honest grant of the same jti is still good."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

import organisation as org
from grantd import jws
from hostile_tokens import ALGORITHMS, ED, ES, HOSTILE, ODD_DATES, ODD_VALUES, RS, Slot
from house import House, running
from key_server import KeyServer
from leg_two import fresh, redeemed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tokens import SigningKey

pytestmark = pytest.mark.asyncio(loop_scope="module")

TYPE = "oauth-id-jag+jwt"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hall(keys: KeyServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A house whose partner publishes good and bad keys."""
    document = org.bundle()
    document["trusted_issuers"]["partner"] |= {"keys": {"jwks_uri": keys.url("/jwks")}, "algorithms": ALGORITHMS}
    async with running(tmp_path_factory.mktemp("hall"), document) as house:
        yield house


def slot(house: House, keys: KeyServer, **changed: Any) -> Slot:
    claims = {
        "iss": org.PARTNER,
        "sub": "p-77",
        "aud": org.SERVER,
        "client_id": "cli_desk",
        "jti": fresh(),
        "iat": house.now - 1,
        "exp": house.now + 299,
        "resource": org.TICKETS,
        "scope": "tickets:read",
        **changed,
    }
    return Slot(claims, TYPE, keys.url("/offered"))


async def refused(house: House, token: str) -> str:
    """Asserts a refusal that tells nothing, and returns the internal reason."""
    found = await redeemed(house, token)
    assert (found.status, found.public) == ("FAILED_PRECONDITION", "ASSERTION_INVALID"), found.record
    assert not found.record["checks"][-1][2]
    return found.reason


async def passes(house: House, grant: Slot) -> None:
    """The honest grant that a hostile token was made of is good, so it was not used up."""
    found = await redeemed(house, grant.honest())
    assert found.status == "OK", found.record


@pytest.mark.req("B-04", "B-21", "G-01", "G-02", "G-03", "G-04", "G-05", "G-06", "G-07", "G-15", "G-17", "E-20")
@pytest.mark.parametrize("case", [pytest.param(case, marks=pytest.mark.hostile(case)) for case in HOSTILE])
async def test_a_hostile_token_is_no_grant_and_uses_none_up(hall: House, keys: KeyServer, case: str) -> None:
    grant = slot(hall, keys)
    tokens = list(HOSTILE[case](grant))
    assert tokens
    for token in tokens:
        await refused(hall, token)
    await passes(hall, grant)
    assert keys.paths["/offered"] == 0, "nobody asks an address out of a token"


@pytest.mark.req("C-06", "G-03")
@pytest.mark.parametrize("key", [ES, RS, ED], ids=lambda key: key.alg)
async def test_a_grant_under_each_allowed_algorithm_is_redeemed(hall: House, keys: KeyServer, key: SigningKey) -> None:
    found = await redeemed(hall, slot(hall, keys).honest(key))
    assert found.status == "OK", found.record


@pytest.mark.hostile("J12")
async def test_a_kid_that_is_a_command_costs_no_time(hall: House, keys: KeyServer) -> None:
    await passes(hall, slot(hall, keys))
    start = time.perf_counter()
    for token in HOSTILE["J12"](slot(hall, keys)):
        await refused(hall, token)
    assert time.perf_counter() - start < 2, "three refusals, each far below the sleep it asked for"


@pytest.mark.hostile("J40")
@pytest.mark.parametrize(("size", "status"), [(90_000, 400), (1 << 20, 413), (10 << 20, 413)])
async def test_an_assertion_of_any_length_is_refused_over_http(
    hall: House, keys: KeyServer, size: int, status: int
) -> None:
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": "a" * size,
        "client_id": "cli_desk",
        "client_secret": org.TOOLS_SECRET,
    }
    found = await hall.http.post(f"{org.SERVER}/token", data=form)
    assert found.status_code == status
    assert found.json()["error"] == ("invalid_grant" if status == 400 else "invalid_request")
    await passes(hall, slot(hall, keys))


FORBIDDEN_TYPES = [
    "at+jwt",
    "jwt",
    "client-authentication+jwt",
    "dpop+jwt",
    "token-introspection+jwt",
    "logout+jwt",
    "secevent+jwt",
    "id-jag+jwt",
    "oauth-id-jag",
    "",
]


@pytest.mark.req("B-03", "G-10")
@pytest.mark.hostile("R13")
@pytest.mark.parametrize("spelling", ["{}", "application/{}", "APPLICATION/{}"])
@pytest.mark.parametrize("typ", FORBIDDEN_TYPES)
async def test_a_token_of_another_declared_type_is_no_grant(
    hall: House, keys: KeyServer, typ: str, spelling: str
) -> None:
    for name in (typ, typ.upper()):
        assert await refused(hall, slot(hall, keys).raw(typ=spelling.format(name))) == "ASSERTION_WRONG_KIND"


@pytest.mark.req("B-03")
@pytest.mark.parametrize("typ", [" ", None, 1, [], [TYPE], f"{TYPE} ", "oauth-id-jag+\uff4awt", f"{TYPE}\0"])
async def test_a_type_that_is_no_media_type_is_refused(hall: House, keys: KeyServer, typ: object) -> None:
    assert await refused(hall, slot(hall, keys).raw(typ=typ)) == "ASSERTION_WRONG_KIND"


REQUIRED = ["iss", "sub", "aud", "client_id", "jti", "exp", "iat"]


@pytest.mark.req("B-10", "G-13", "X-14")
@pytest.mark.hostile("C05", "C07", "C10", "C13", "C14")
@pytest.mark.parametrize("claim", REQUIRED)
async def test_a_grant_without_a_required_claim_is_refused_by_its_name(
    hall: House, keys: KeyServer, claim: str
) -> None:
    grant = slot(hall, keys)
    token = ES.sign({name: value for name, value in grant.claims.items() if name != claim}, TYPE)
    found = await redeemed(hall, token)
    assert (found.status, found.reason) == ("FAILED_PRECONDITION", "ASSERTION_CLAIM")
    _, check, held, _, got = found.record["checks"][-1]
    assert (check, held, got) == (f"assertion.claim:{claim}", False, "nothing")
    await passes(hall, grant)


NOT_KNOWN = {"auth_time": {"null", "false", "zero", "empty text", "empty list", "empty object"}, "amr": set(ODD_VALUES)}
"""A sign-in that says nothing readable is not known; any other wrong kind is a fault."""


@pytest.mark.req("B-10", "B-11", "G-08", "G-09", "G-13", "G-15")
@pytest.mark.hostile("C05", "C07", "C10", "C13", "C14", "C19")
@pytest.mark.parametrize("value", ODD_VALUES)
@pytest.mark.parametrize("claim", [*REQUIRED, "nbf", "scope", "resource", "acr", "auth_time", "amr"])
async def test_a_claim_of_another_kind_is_refused_and_breaks_nothing(
    hall: House, keys: KeyServer, claim: str, value: str
) -> None:
    grant = slot(hall, keys)
    token = ES.sign_raw(grant.head(), dict(grant.claims) | {claim: ODD_VALUES[value]})
    if value in NOT_KNOWN.get(claim, ()):
        found = await redeemed(hall, token)
        assert found.status == "OK", found.record
        assert claim not in jws.read(found.answer.access_token).unverified_claims or ODD_VALUES[value] == []
        return
    assert await refused(hall, token) in {"ASSERTION_CLAIM", "ASSERTION_MALFORMED"}
    await passes(hall, grant)


@pytest.mark.req("B-23", "B-37", "B-16", "B-17")
@pytest.mark.parametrize("value", ODD_VALUES)
@pytest.mark.parametrize("claim", ["cnf", "act"])
async def test_a_constraint_is_refused_whatever_its_value(hall: House, keys: KeyServer, claim: str, value: str) -> None:
    grant = slot(hall, keys)
    token = ES.sign_raw(grant.head(), dict(grant.claims) | {claim: ODD_VALUES[value]})
    assert await refused(hall, token) in {"ASSERTION_CONSTRAINT", "ASSERTION_MALFORMED"}
    await passes(hall, grant)


@pytest.mark.req("B-37")
@pytest.mark.parametrize("value", ODD_VALUES)
async def test_details_are_refused_whatever_their_value(hall: House, keys: KeyServer, value: str) -> None:
    grant = slot(hall, keys)
    token = ES.sign_raw(grant.head(), dict(grant.claims) | {"authorization_details": ODD_VALUES[value]})
    assert await refused(hall, token) in {"ASSERTION_DETAILS", "ASSERTION_MALFORMED"}
    await passes(hall, grant)


@pytest.mark.req("B-16", "G-23", "G-08")
@pytest.mark.parametrize("value", ODD_VALUES)
@pytest.mark.parametrize("claim", ["tenant", "aud_tenant"])
async def test_a_tenant_where_there_are_none_is_refused_whatever_its_value(
    hall: House, keys: KeyServer, claim: str, value: str
) -> None:
    grant = slot(hall, keys)
    token = ES.sign_raw(grant.head(), dict(grant.claims) | {claim: ODD_VALUES[value]})
    assert await refused(hall, token) in {"ASSERTION_TENANT", "ASSERTION_CLAIM", "ASSERTION_MALFORMED"}
    await passes(hall, grant)


@pytest.mark.req("G-08")
@pytest.mark.hostile("C14")
@pytest.mark.parametrize("value", ODD_DATES)
@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
async def test_a_date_that_is_no_sane_number_is_refused(hall: House, keys: KeyServer, claim: str, value: Any) -> None:
    grant = slot(hall, keys)
    raw = json.dumps(dict(grant.claims) | {claim: value}).replace("Infinity", "1e400")
    assert await refused(hall, ES.sign_raw(grant.head(), raw.encode())) in {"ASSERTION_CLAIM", "ASSERTION_MALFORMED"}
    await passes(hall, grant)


ODD_AUDIENCES: list[object] = [
    [[org.SERVER]],
    [org.SERVER, 1],
    [org.SERVER, None],
    [1],
    {org.SERVER: True},
    {"aud": org.SERVER},
    f"{org.SERVER} ",
    f"{org.SERVER}\0",
    f"{org.SERVER},https://as.vault.example",
]


@pytest.mark.req("B-05", "B-06", "G-12")
@pytest.mark.hostile("C05")
@pytest.mark.parametrize("aud", ODD_AUDIENCES)
async def test_an_audience_of_odd_shape_is_refused(hall: House, keys: KeyServer, aud: object) -> None:
    grant = slot(hall, keys)
    reason = await refused(hall, ES.sign_raw(grant.head(), dict(grant.claims) | {"aud": aud}))
    assert reason in {"ASSERTION_CLAIM", "ASSERTION_AUDIENCE"}
    await passes(hall, grant)


@pytest.mark.req("B-10", "G-09", "G-19")
@pytest.mark.hostile("C13")
@pytest.mark.parametrize("value", ["a\0b", "a\nb", "\u202eadmin", "x" * 257, "\u2066a"])
@pytest.mark.parametrize("claim", ["sub", "jti", "client_id"])
async def test_a_name_with_hidden_characters_or_too_long_is_refused(
    hall: House, keys: KeyServer, claim: str, value: str
) -> None:
    assert await refused(hall, slot(hall, keys, **{claim: value}).honest()) in {"ASSERTION_CLAIM", "ASSERTION_CLIENT"}


@pytest.mark.req("G-01", "G-09")
@pytest.mark.hostile("C13")
@pytest.mark.parametrize("claim", ["sub", "iss", "aud", "jti", "client_id", "scope", "resource", "acr"])
async def test_a_lone_surrogate_anywhere_is_refused(hall: House, keys: KeyServer, claim: str) -> None:
    claims = {name: value for name, value in slot(hall, keys).claims.items() if name != claim}
    raw = json.dumps(claims).encode()[:-1] + b', "' + claim.encode() + b'": "\\ud800"}'
    assert await refused(hall, ES.sign_raw(slot(hall, keys).head(), raw)) == "ASSERTION_MALFORMED"


@pytest.mark.req("G-18", "G-19", "B-20")
@pytest.mark.hostile("C13")
async def test_two_jti_that_only_look_alike_are_two_grants(hall: House, keys: KeyServer) -> None:
    stem = fresh()
    for jti in (f"{stem}caf\u00e9", f"{stem}cafe\u0301", f"{stem}CAF\u00c9", "x" * 256):
        grant = slot(hall, keys, jti=jti).honest()
        assert (await redeemed(hall, grant)).status == "OK"
        assert (await redeemed(hall, grant)).reason == "ASSERTION_REPLAYED"


async def test_hostile_and_honest_calls_at_once_do_not_touch_each_other(hall: House, keys: KeyServer) -> None:
    bad = list(HOSTILE["J32"](slot(hall, keys)))
    good = [slot(hall, keys).honest() for _ in bad]
    found = await asyncio.gather(*(redeemed(hall, token) for pair in zip(bad, good, strict=True) for token in pair))
    assert [each.status for each in found] == ["FAILED_PRECONDITION", "OK"] * len(bad)
