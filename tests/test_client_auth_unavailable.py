"""A call that we could not decide is told as our fault and leaves its proof unused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from grantd_server.keys.own.purpose import Purpose
from grantd_server.keys.own.signer import SignerUnavailable
from grantd_server.store import OutcomeUnknown, StoreUnavailable
from key_server import answer, key_server
from leg_one import robot_asks, robot_assertion

if TYPE_CHECKING:
    from house import House


async def test_a_call_without_a_store_consumes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    token = robot_assertion(house)

    async def down(_write: object) -> None:
        raise StoreUnavailable("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr(house.store, "write", down)
        lost = await robot_asks(house, token)
        refused = await robot_asks(house, token, scope="nonsense")
    assert (lost.status, lost.reason) == ("UNAVAILABLE", "STORE_UNAVAILABLE")
    assert refused.reason == "STORE_UNAVAILABLE", "what is not on record is not answered"
    assert (await robot_asks(house, token)).status == "OK"


async def test_a_call_whose_commit_was_not_confirmed_is_not_told_as_refused(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(_write: object) -> None:
        raise OutcomeUnknown("no answer to COMMIT")

    with monkeypatch.context() as patched:
        patched.setattr(house.store, "write", silent)
        lost = await robot_asks(house, robot_assertion(house))
    assert (lost.status, lost.public, lost.reason) == ("UNAVAILABLE", "UNAVAILABLE", "OUTCOME_UNKNOWN")
    assert lost.answer is None
    assert (await robot_asks(house, robot_assertion(house))).status == "OK"


async def test_a_call_without_the_keys_of_the_provider_consumes_nothing(house: House) -> None:
    async with key_server() as served:
        document = org.bundle()
        document["identity_providers"]["corp"]["keys"] = {"jwks_uri": served.url("/jwks")}
        await house.apply(document)
        token = robot_assertion(house)
        lost = await robot_asks(house, token)
        assert (lost.status, lost.reason) == ("UNAVAILABLE", "KEYS_UNAVAILABLE")
        jwks = json.dumps(org.jwks_of(org.LOGIN_KEY))
        document["identity_providers"]["corp"]["keys"] = {"jwks_uri": served.url("/again")}
        served.scripts["/again"] = answer(jwks, "Content-Type: application/json")
        await house.apply(document)
        assert (await robot_asks(house, token)).status == "OK"


async def test_a_call_without_the_keys_of_the_client_is_unavailable(house: House) -> None:
    async with key_server() as served:
        document = org.bundle()
        method = {"jwks_uri": served.url("/jwks"), "algorithms": ["ES256"]}
        document["clients"]["robot"]["at"]["grants"]["authentication"] = [{"private_key_jwt": method}]
        await house.apply(document)
        lost = await robot_asks(house, robot_assertion(house))
    assert (lost.status, lost.reason) == ("UNAVAILABLE", "KEYS_UNAVAILABLE")


async def test_a_call_without_a_signing_key_consumes_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    token, world = robot_assertion(house), house.parts.world
    signer = world.ring.signer

    def unplugged(issuer: str, purpose: Purpose) -> Any:
        if purpose is Purpose.GRANT_SIGNING:
            raise SignerUnavailable("no key")
        return signer(issuer, purpose)

    with monkeypatch.context() as patched:
        patched.setattr(world.ring, "signer", unplugged)
        lost = await robot_asks(house, token)
    assert (lost.status, lost.reason) == ("UNAVAILABLE", "SIGNER_UNAVAILABLE")
    assert (await robot_asks(house, token)).status == "OK"
