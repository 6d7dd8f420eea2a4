"""Golden vectors of each profile: tokens as the software makes them, signed with fixed keys
at a fixed time, and their near variants."""

from __future__ import annotations

import base64
import json
from contextlib import asynccontextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import organisation as org
from grantd_server.governance.reading.parties.profiles import PROFILES
from house import House, running
from leg_one import post_exchange, reason_of
from leg_two import post_grant
from tokens import NOW, SigningKey

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import httpx2

FOLDER = Path(__file__).with_name("profiles")
TIMES = ("iat", "nbf", "exp", "auth_time")


@cache
def vectors() -> dict[str, dict[str, Any]]:
    """By profile, the parts it plays."""
    return {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.yaml"))}


def parts(part: str) -> list[str]:
    return [profile for profile, played in vectors().items() if part in played]


def key(alg: str, kid: str) -> SigningKey:
    """The fixed key of an algorithm."""
    loaded: Any = load_pem_private_key((FOLDER / f"{alg.lower()}.pem").read_bytes(), None)
    return SigningKey(kid, alg, loaded)


def token(vector: dict[str, Any], variant: dict[str, Any] | None = None) -> str:
    """The token of a vector, or of a variant of it; what is null there is left out."""
    header = vector["header"] | (variant or {}).get("header", {})
    claims = vector["claims"] | (variant or {}).get("claims", {})
    stated = {
        name: NOW + value if name in TIMES and isinstance(value, int) else value
        for name, value in claims.items()
        if value is not None
    }
    return key(header["alg"], header["kid"]).sign_raw({k: v for k, v in header.items() if v is not None}, stated)


@asynccontextmanager
async def at_the_fixed_time(folder: Path, document: dict[str, Any]) -> AsyncIterator[House]:
    async with running(folder, document) as house:
        house.parts.world.clock = lambda: float(NOW)
        yield house


def behind_us(profile: str) -> dict[str, Any]:
    """The company with its directory replaced; only `profile` says what is particular."""
    vector = vectors()[profile]["identity_provider"]
    document = org.bundle()
    keys = {"jwks": org.jwks_of(key(vector["header"]["alg"], vector["header"]["kid"]))}
    document["identity_providers"]["corp"] = {"profile": profile, "issuer": vector["issuer"], "keys": keys}
    document["clients"]["desk"]["at"]["grants"]["sso"] = {"corp": [vector["client"]]}
    rules = document["grants"]["grants"]
    del rules[1:]
    if profile == "generic":
        rules[0]["subjects"] = "everyone"
    else:
        rules[0]["subjects"] = {"groups": [f"corp:{vector['group']}"]}
    return document


async def all_refused(house: House, vector: dict[str, Any], post: Callable[[str], Awaitable[httpx2.Response]]) -> None:
    """Asserts that each near variant of a token is refused, and for its own reason."""
    told = {}
    for variant in vector["refused"]:
        answer = await post(token(vector, variant))
        told[variant["what"]] = (answer.status_code, await reason_of(house, answer))
    assert told == {variant["what"]: (400, variant["reason"]) for variant in vector["refused"]}


@pytest.mark.req("X-5", "A-40")
@pytest.mark.parametrize("profile", parts("identity_provider"))
async def test_a_sign_in_of_the_software_becomes_a_grant(profile: str, tmp_path: Path) -> None:
    vector = vectors()[profile]["identity_provider"]
    async with at_the_fixed_time(tmp_path, behind_us(profile)) as house:
        answer = await post_exchange(house, subject_token=token(vector))
    assert answer.status_code == 200, answer.text
    grant = claims_of(answer.json()["access_token"])
    assert {name: grant.get(name) for name in vector["becomes"]} == vector["becomes"]


@pytest.mark.parametrize("profile", parts("identity_provider"))
async def test_a_sign_in_that_is_nearly_of_the_software_is_refused(profile: str, tmp_path: Path) -> None:
    vector = vectors()[profile]["identity_provider"]
    async with at_the_fixed_time(tmp_path, behind_us(profile)) as house:
        await all_refused(house, vector, lambda near: post_exchange(house, subject_token=near))


def trusting(profile: str) -> dict[str, Any]:
    """The company with its partner replaced; the trust says which resource, no more."""
    vector = vectors()[profile]["trusted_issuer"]
    document = org.bundle()
    keys = {"jwks": org.jwks_of(key(vector["header"]["alg"], vector["header"]["kid"]))}
    partner = {"profile": profile, "issuer": vector["issuer"], "trust_domain": "partner", "keys": keys}
    document["trusted_issuers"]["partner"] = partner
    document["authorization_servers"]["tools"]["trusts"]["partner"] = {"resources": ["tickets"]}
    return document


@pytest.mark.req("X-4", "B-32")
@pytest.mark.parametrize("profile", parts("trusted_issuer"))
async def test_a_grant_of_the_software_becomes_a_token_once(profile: str, tmp_path: Path) -> None:
    vector = vectors()[profile]["trusted_issuer"]
    async with at_the_fixed_time(tmp_path, trusting(profile)) as house:
        answer = await post_grant(house, token(vector))
        again = await post_grant(house, token(vector))
        assert await reason_of(house, again) == "ASSERTION_REPLAYED"
    assert answer.status_code == 200, answer.text
    granted = claims_of(answer.json()["access_token"])
    assert {name: granted.get(name) for name in vector["becomes"]} == vector["becomes"]


@pytest.mark.parametrize("profile", parts("trusted_issuer"))
async def test_a_grant_that_is_nearly_of_the_software_is_refused(profile: str, tmp_path: Path) -> None:
    vector = vectors()[profile]["trusted_issuer"]
    async with at_the_fixed_time(tmp_path, trusting(profile)) as house:
        await all_refused(house, vector, partial(post_grant, house))


def test_every_part_that_a_profile_plays_has_its_vectors() -> None:
    assert set(parts("identity_provider")) == {name for name, it in PROFILES.items() if it.identity_providers}
    assert set(parts("trusted_issuer")) == {name for name, it in PROFILES.items() if it.trusted_issuers}


def claims_of(compact: str) -> dict[str, Any]:
    raw = compact.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)))
    return claims


@pytest.mark.req("X-4", "B-32")
async def test_without_a_resource_a_grant_is_for_the_only_one_and_the_request_may_not_change_it(tmp_path: Path) -> None:
    vector = vectors()["okta"]["trusted_issuer"]
    async with at_the_fixed_time(tmp_path, trusting("okta")) as house:
        answer = await post_grant(house, token(vector), resource=org.WIKI)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")


@pytest.mark.req("X-2")
async def test_a_profile_can_be_said_otherwise_key_by_key(tmp_path: Path) -> None:
    document = trusting("okta")
    document["authorization_servers"]["tools"]["trusts"]["partner"] |= {"reuse_limit": 2, "resource_claim": "required"}
    vector = vectors()["okta"]["trusted_issuer"]
    named = {"claims": {"resource": org.TICKETS}}
    async with at_the_fixed_time(tmp_path, document) as house:
        assert await reason_of(house, await post_grant(house, token(vector))) == "ASSERTION_RESOURCE"
        answers = [await post_grant(house, token(vector, named)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 400]


def abroad(profile: str, **more: Any) -> dict[str, Any]:
    """The company's foreign server with a profile, and a grant issuer that likes long lives."""
    document = org.bundle()
    document["authorization_servers"]["abroad"] |= {"profile": profile, **more}
    document["grant_issuers"]["grants"] |= {"grant_lifetime": "10m", "allow_long_grants": True}
    return document


@pytest.mark.req("A-58")
@pytest.mark.parametrize(
    ("more", "seconds"), [({}, 300), ({"grant_lifetime": "2m"}, 120), ({"grant_lifetime": "15m"}, 600)]
)
async def test_a_grant_lives_no_longer_than_its_foreign_server_takes(
    more: dict[str, Any], seconds: int, tmp_path: Path
) -> None:
    async with running(tmp_path, abroad("keycloak", **more)) as house:
        answer = await post_exchange(house, audience=org.FOREIGN_SERVER, resource=None)
        at_home = await post_exchange(house)
    grant = claims_of(answer.json()["access_token"])
    assert (answer.json()["expires_in"], grant["exp"] - grant["iat"]) == (seconds, seconds)
    assert at_home.json()["expires_in"] == 600


@pytest.mark.req("B-13")
@pytest.mark.parametrize(
    ("changed", "reason"),
    [({}, "ASSERTION_CLAIM"), ({"region": "us"}, "ASSERTION_CLAIM"), ({"region": 5}, "ASSERTION_CLAIM")],
)
async def test_a_grant_without_a_required_claim_is_refused(
    changed: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    document = trusting("okta")
    document["trusted_issuers"]["partner"]["require_claims"] = {"region": ["eu", "uk"]}
    vector = vectors()["okta"]["trusted_issuer"]
    async with at_the_fixed_time(tmp_path, document) as house:
        refused = await post_grant(house, token(vector, {"claims": changed}))
        good = await post_grant(house, token(vector, {"claims": {"region": ["asia", "uk"]}}))
        assert (await reason_of(house, refused), good.status_code) == (reason, 200)
