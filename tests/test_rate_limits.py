"""Guessing and scanning are slowed down, and nobody else is."""

from __future__ import annotations

import grpc
import pytest

import organisation as org
from case_tokens import access_token
from grantd.v1 import authorization_pb2 as pb
from grantd.v1.client_pb2 import ClientAuthentication, ClientSecret
from grantd_server.model.buckets import SECOND, Buckets
from house import House


class Ticks:
    """A monotonic clock that tests move."""

    now = 0

    def __call__(self) -> int:
        return self.now


async def status(house: House, client_id: str, secret: str) -> str:
    client = ClientAuthentication(client_id=client_id, secret=ClientSecret(secret=secret))
    request = pb.RevokeTokenRequest(issuer=org.SERVER, client=client, token="x")
    try:
        await house.stub().RevokeToken(request)
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


@pytest.mark.req("D-15")
@pytest.mark.hostile("A16")
async def test_a_guesser_of_one_client_is_slowed_and_other_clients_are_not(house: House) -> None:
    house.parts.world.monotonic_ns = ticks = Ticks()
    guesses = [await status(house, "cli_desk", f"guess-{n}") for n in range(101)]
    assert guesses[:100] == ["UNAUTHENTICATED"] * 100
    assert guesses[100] == "RESOURCE_EXHAUSTED"
    assert await status(house, "cli_other", org.OTHER_SECRET) == "OK"
    assert await status(house, "cli_desk", org.TOOLS_SECRET) == "RESOURCE_EXHAUSTED", "from this address"
    ticks.now += SECOND
    assert await status(house, "cli_desk", org.TOOLS_SECRET) == "OK"


@pytest.mark.hostile("A16")
async def test_five_wrong_secrets_a_second_never_lock_the_client_out(house: House) -> None:
    house.parts.world.monotonic_ns = ticks = Ticks()
    for _ in range(300):
        ticks.now += SECOND // 5
        assert await status(house, "cli_desk", "wrong") == "UNAUTHENTICATED"
    assert await status(house, "cli_desk", org.TOOLS_SECRET) == "OK"


@pytest.mark.req("D-15", "C-28")
@pytest.mark.hostile("I13")
async def test_a_resource_server_that_scans_is_slowed_and_another_is_not(house: House) -> None:
    house.parts.world.monotonic_ns = Ticks()
    token = await access_token(house)

    async def batch(client_id: str, secret: str, tokens: list[str]) -> str:
        client = ClientAuthentication(client_id=client_id, secret=ClientSecret(secret=secret))
        request = pb.IntrospectTokensRequest(issuer=org.SERVER, client=client, tokens=tokens)
        try:
            answer = await house.stub().IntrospectTokens(request)
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "active" if answer.results[0].active else "inactive"

    scans = [await batch("rs-tickets", org.RS_SECRET, [f"probe-{n}-{m}" for m in range(64)]) for n in range(32)]
    assert scans[:31] == ["inactive"] * 31
    assert scans[31] == "RESOURCE_EXHAUSTED"
    assert await batch("rs-tickets", org.RS_SECRET, [token]) == "active", "honest tokens are not counted"
    assert await batch("rs-wiki", org.WIKI_RS_SECRET, ["probe"]) == "inactive"


def test_a_flood_of_keys_makes_the_limit_weaker_and_not_the_service_larger() -> None:
    buckets = Buckets(size=1, per_second=1, most=10)
    assert buckets.take("first", 0)
    assert not buckets.take("first", 0)
    for number in range(10):
        assert buckets.take(number, 0)
    assert buckets.take("first", 0), "the longest unused was forgotten"
    assert not buckets.take(9, 0)
