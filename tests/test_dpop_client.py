"""The Python client with DPoP: proofs with nonces at both legs, and a token at a server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx2
import pytest

import organisation as org
from case_files import changed
from grantd import dpop
from grantd.client.assertions import HttpExchange
from grantd.dpop.http import DpopAuth
from grantd.dpop.prover import Prover
from house import House, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

REQUIRED = {"grant_issuers.grants.dpop": "required", "authorization_servers.tools.dpop": "required"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running(tmp_path, changed(org.bundle(), REQUIRED)) as service:
        yield service


async def redeem(house: House, grant: str, auth: DpopAuth) -> httpx2.Response:
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": grant,
        "client_id": "cli_desk",
        "client_secret": org.TOOLS_SECRET,
    }
    return await house.http.post(f"{org.SERVER}/token", data=form, auth=auth)


@pytest.mark.req("A-67", "B-23", "G-34")
async def test_both_legs_are_bound_to_the_key_of_the_client(house: House) -> None:
    prover = Prover.generate()
    exchange = HttpExchange(
        f"{org.GRANTS}/token",
        client_id="desk-agent",
        client_secret=org.DESK_SECRET,
        client=house.http,
        prover=prover,
    )
    auth = DpopAuth(prover)
    for _ in range(2):
        grant = await exchange(house.id_token(), org.SERVER, org.TICKETS, "tickets:read")
        redeemed = await redeem(house, grant, auth)
        assert redeemed.json()["token_type"] == "DPoP", redeemed.text
    # A nonce is asked for once at each endpoint, and used on.
    assert house.counted("grantd.refused", rpc="ExchangeIdentity", reason="PROOF_NONCE") == 1
    assert house.counted("grantd.refused", rpc="RedeemGrant", reason="PROOF_NONCE") == 1


@pytest.mark.req("C-14", "G-33")
async def test_a_token_goes_with_a_proof_of_its_own() -> None:
    prover = Prover.generate()
    seen: list[dict[str, str]] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(dict(request.headers))
        return httpx2.Response(401 if len(seen) == 1 else 200, headers={"dpop-nonce": "n-1"})

    auth = DpopAuth(prover).with_token("an.access.token")
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        assert (await http.get("https://mcp.example/mcp?q=1", auth=auth)).status_code == 200
    first, second = (
        dpop.verify(
            [headers["dpop"]],
            method="GET",
            url="https://mcp.example/mcp",
            now=time.time(),
            access_token="an.access.token",
        )
        for headers in seen
    )
    assert (first.nonce, second.nonce, first.jkt) == (None, "n-1", prover.jkt)
    assert first.jti != second.jti
    assert {headers["authorization"] for headers in seen} == {"DPoP an.access.token"}
    assert "an.access.token" not in repr(auth)


@pytest.mark.parametrize(
    ("status", "nonces", "sent"), [(400, ["n-1", "n-1"], 2), (400, [None], 1), (200, ["n-1"], 1), (503, ["n-1"], 1)]
)
async def test_a_request_is_repeated_once_for_a_new_nonce_and_for_nothing_else(
    status: int, nonces: list[str | None], sent: int
) -> None:
    asked: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        nonce = nonces[len(asked) - 1]
        return httpx2.Response(status, headers={"dpop-nonce": nonce} if nonce else {})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as http:
        await http.post("https://as.example/token", data={"a": "b"}, auth=DpopAuth(Prover.generate()))
    assert len(asked) == sent
    assert {request.content for request in asked} == {b"a=b"}
