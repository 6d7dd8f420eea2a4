"""Hostile tokens in the place of the subject token, through the whole service: each is
refused like any other bad sign-in, and an honest call passes afterwards."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

import organisation as org
from hostile_tokens import ALGORITHMS, ES, HOSTILE, ODD_DATES, ODD_VALUES, Slot
from house import House, running
from key_server import KeyServer
from leg_one import exchange_form, exchanged

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def hall(keys: KeyServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A house whose directory publishes good and bad keys."""
    document = org.bundle()
    document["identity_providers"]["corp"] |= {"keys": {"jwks_uri": keys.url("/jwks")}, "algorithms": ALGORITHMS}
    async with running(tmp_path_factory.mktemp("hall"), document) as house:
        yield house


def slot(house: House, keys: KeyServer, **changed: Any) -> Slot:
    claims = {
        "iss": org.LOGIN,
        "sub": "u-18f2",
        "aud": "desk-sso",
        "iat": house.now - 60,
        "exp": house.now + 600,
        "auth_time": house.now - 60,
        "groups": ["eng"],
        **changed,
    }
    return Slot(claims, "JWT", keys.url("/offered"))


async def refused(house: House, token: str) -> str:
    """Asserts a refusal that tells nothing, and returns the internal reason."""
    found = await exchanged(house, subject_token=token)
    assert (found.status, found.public) == ("FAILED_PRECONDITION", "SUBJECT_TOKEN_INVALID"), found.record
    assert not found.record["checks"][-1][2]
    return found.reason


async def passes(house: House, keys: KeyServer) -> None:
    found = await exchanged(house, subject_token=slot(house, keys).honest())
    assert found.status == "OK", found.record


@pytest.mark.req("A-25", "G-02", "G-05", "G-15")
@pytest.mark.parametrize("case", [pytest.param(case, marks=pytest.mark.hostile(case)) for case in HOSTILE])
async def test_a_hostile_token_is_no_sign_in(hall: House, keys: KeyServer, case: str) -> None:
    tokens = list(HOSTILE[case](slot(hall, keys)))
    assert tokens
    for token in tokens:
        await refused(hall, token)
    await passes(hall, keys)
    assert keys.paths["/offered"] == 0, "nobody asks an address out of a token"


@pytest.mark.hostile("J12")
async def test_a_kid_that_is_a_command_costs_no_time(hall: House, keys: KeyServer) -> None:
    await passes(hall, keys)
    start = time.perf_counter()
    for token in HOSTILE["J12"](slot(hall, keys)):
        await refused(hall, token)
    assert time.perf_counter() - start < 2, "three refusals, each far below the sleep it asked for"


@pytest.mark.hostile("J40")
@pytest.mark.parametrize(("size", "status"), [(90_000, 400), (1 << 20, 413), (10 << 20, 413)])
async def test_a_token_of_any_length_is_refused_over_http(hall: House, keys: KeyServer, size: int, status: int) -> None:
    client = {"client_id": "desk-agent", "client_secret": org.DESK_SECRET}
    form = exchange_form(hall, resource=None, subject_token="a" * size, **client)
    found = await hall.http.post(f"{org.GRANTS}/token", data=form)
    assert found.status_code == status
    assert found.json()["error"] == ("invalid_grant" if status == 400 else "invalid_request")
    await passes(hall, keys)


FORBIDDEN_TYPES = [
    "at+jwt",
    "oauth-id-jag+jwt",
    "client-authentication+jwt",
    "dpop+jwt",
    "token-introspection+jwt",
    "logout+jwt",
    "secevent+jwt",
]


@pytest.mark.req("A-29", "G-10")
@pytest.mark.hostile("X08")
@pytest.mark.parametrize("spelling", ["{}", "application/{}", "APPLICATION/{}"])
@pytest.mark.parametrize("typ", FORBIDDEN_TYPES)
async def test_a_token_of_another_declared_type_is_no_id_token(
    hall: House, keys: KeyServer, typ: str, spelling: str
) -> None:
    token = slot(hall, keys).raw(typ=spelling.format(typ))
    assert await refused(hall, token) == "SUBJECT_TOKEN_WRONG_KIND"
    upper = slot(hall, keys).raw(typ=spelling.format(typ.upper()))
    assert await refused(hall, upper) == "SUBJECT_TOKEN_WRONG_KIND"


@pytest.mark.req("A-29")
@pytest.mark.parametrize("head", [{"typ": "JWT"}, {"typ": "jwt"}, {"typ": "application/JWT"}, {}])
async def test_an_id_token_may_have_the_plain_type_or_none(hall: House, keys: KeyServer, head: dict[str, str]) -> None:
    token = ES.sign_raw({"alg": "ES256", "kid": ES.kid, **head}, dict(slot(hall, keys).claims))
    assert (await exchanged(hall, subject_token=token)).status == "OK"


@pytest.mark.req("A-29")
@pytest.mark.parametrize("typ", ["", " ", None, 1, [], ["JWT"], "jwt ", "\uff2aWT", "JWT\0"])
async def test_a_type_that_is_no_media_type_is_refused(hall: House, keys: KeyServer, typ: object) -> None:
    assert await refused(hall, slot(hall, keys).raw(typ=typ)) == "SUBJECT_TOKEN_WRONG_KIND"


NOT_KNOWN = {"auth_time": {"null", "false", "zero", "empty text", "empty list", "empty object"}}
"""An auth_time that says nothing is not known; any other wrong kind of it is a fault, and
of the other claims every one."""


@pytest.mark.req("A-25", "G-08", "G-09", "G-13", "G-15")
@pytest.mark.parametrize("value", ODD_VALUES)
@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "iat", "nbf", "azp", "acr", "auth_time"])
async def test_a_claim_of_another_kind_is_refused_and_breaks_nothing(
    hall: House, keys: KeyServer, claim: str, value: str
) -> None:
    claims = dict(slot(hall, keys).claims) | {claim: ODD_VALUES[value]}
    token = ES.sign_raw({"alg": "ES256", "kid": ES.kid, "typ": "JWT"}, claims)
    if value in NOT_KNOWN.get(claim, ()):
        found = await exchanged(hall, subject_token=token)
        assert found.status == "OK", found.record
        assert found.record["inputs"][0]["auth_time"] is None
        return
    reason = await refused(hall, token)
    assert reason in {"SUBJECT_TOKEN_CLAIM", "SUBJECT_TOKEN_MALFORMED"}
    await passes(hall, keys)


@pytest.mark.req("G-08")
@pytest.mark.parametrize("value", ODD_DATES)
@pytest.mark.parametrize("claim", ["exp", "iat", "nbf", "auth_time"])
async def test_a_date_that_is_no_sane_number_is_refused(hall: House, keys: KeyServer, claim: str, value: Any) -> None:
    raw = json.dumps(dict(slot(hall, keys).claims) | {claim: value}).replace("Infinity", "1e400")
    reason = await refused(hall, ES.sign_raw({"alg": "ES256", "kid": ES.kid}, raw.encode()))
    assert reason in {"SUBJECT_TOKEN_CLAIM", "SUBJECT_TOKEN_MALFORMED"}


@pytest.mark.req("A-26")
@pytest.mark.parametrize("aud", [["desk-sso", 1], [["desk-sso"]], ["desk-sso", None], {"desk-sso": True}, "desk-sso "])
async def test_an_audience_of_odd_shape_is_refused(hall: House, keys: KeyServer, aud: object) -> None:
    await refused(hall, slot(hall, keys, aud=aud).honest())


LONE_SURROGATE = b'"\\ud800"'


@pytest.mark.req("G-01", "G-09")
@pytest.mark.parametrize("claim", ["sub", "iss", "aud", "acr", "groups"])
async def test_a_lone_surrogate_anywhere_is_refused(hall: House, keys: KeyServer, claim: str) -> None:
    claims = {name: value for name, value in slot(hall, keys).claims.items() if name != claim}
    raw = json.dumps(claims).encode()[:-1] + b', "' + claim.encode() + b'": ' + LONE_SURROGATE + b"}"
    assert await refused(hall, ES.sign_raw({"alg": "ES256", "kid": ES.kid}, raw)) == "SUBJECT_TOKEN_MALFORMED"


@pytest.mark.req("G-09")
@pytest.mark.parametrize("sub", ["a\0b", "a\nb", "\u202eadmin", "x" * 257, "\u2066a"])
async def test_a_subject_with_hidden_characters_or_too_long_is_refused(hall: House, keys: KeyServer, sub: str) -> None:
    assert await refused(hall, slot(hall, keys, sub=sub).honest()) == "SUBJECT_TOKEN_CLAIM"


GROUP_TRICKS = ["ENG", "Eng", "eng ", " eng", "\uff45\uff4e\uff47", "eng\0x", "eng\n", "e\u0301ng", "corp:eng", "*", ""]


@pytest.mark.req("A-41", "G-24")
@pytest.mark.hostile("X26")
@pytest.mark.parametrize("group", GROUP_TRICKS)
async def test_a_group_that_only_looks_like_another_is_another(hall: House, keys: KeyServer, group: str) -> None:
    for groups in ([group], group, ["sales", group]):
        found = await exchanged(hall, subject_token=slot(hall, keys, groups=groups).honest())
        assert (found.status, found.public) == ("PERMISSION_DENIED", "POLICY_DENIED"), found.record
    await passes(hall, keys)


@pytest.mark.req("A-41")
@pytest.mark.parametrize("value", ODD_VALUES)
async def test_groups_of_another_kind_grant_nothing(hall: House, keys: KeyServer, value: str) -> None:
    claims = dict(slot(hall, keys).claims) | {"groups": ODD_VALUES[value]}
    found = await exchanged(hall, subject_token=ES.sign_raw({"alg": "ES256", "kid": ES.kid}, claims))
    assert found.status in {"PERMISSION_DENIED", "FAILED_PRECONDITION"}, found.record


@pytest.mark.req("A-41", "G-17")
@pytest.mark.parametrize(("number", "status"), [(2047, "OK"), (2048, "PERMISSION_DENIED")])
async def test_a_list_of_too_many_groups_is_unknown(hall: House, keys: KeyServer, number: int, status: str) -> None:
    groups = ["eng", *["x"] * number]
    found = await exchanged(hall, subject_token=slot(hall, keys, groups=groups).honest())
    assert found.status == status, found.record["checks"][-1]


async def test_hostile_and_honest_calls_at_once_do_not_touch_each_other(hall: House, keys: KeyServer) -> None:
    bad = list(HOSTILE["J32"](slot(hall, keys)))
    good = [slot(hall, keys, sub=f"u-{number}").honest() for number in range(len(bad))]
    found = await asyncio.gather(
        *(exchanged(hall, subject_token=token) for pair in zip(bad, good, strict=True) for token in pair)
    )
    assert [each.status for each in found] == ["FAILED_PRECONDITION", "OK"] * len(bad)
