"""The end of a real process: health says so first, what is under way finishes, exit 0."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

import organisation as org
from grantd.v1 import authorization_pb2 as pb
from grantd.v1.authorization_pb2_grpc import AuthorizationServiceStub
from leg_two import DESK
from served import grantd, http_at, prepare

if TYPE_CHECKING:
    from pathlib import Path

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
NOTICE = 0.3
"""Seconds between NOT_SERVING and the last new call."""


def settings_in(folder: Path) -> dict[str, Any]:
    return {
        **prepare(folder),
        "development": True,
        "grpc": {"listen": f"unix:{folder}/grpc.sock", "plaintext": "service"},
        "http": {"listen": f"unix:{folder}/http.sock"},
        "limits": {"drain_notice": NOTICE, "drain_grace": 5},
    }


def redeeming() -> pb.RedeemGrantRequest:
    grant = org.partner_grant(int(time.time()), jti=secrets.token_hex(8))
    return pb.RedeemGrantRequest(issuer=org.SERVER, client=DESK, assertion=grant)


async def told(watch: Any, status: int) -> float:
    """Reads a watch of health until it says so; when that was."""
    async for answer in watch:
        if answer.status == status:
            return time.monotonic()
    raise AssertionError("the watch ended without it")


def locked(folder: Path) -> sqlite3.Connection:
    """Holds the database's write lock, so that a redemption stays under way."""
    blocker = sqlite3.connect(folder / "grantd.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    return blocker


@pytest.mark.req("F-45")
async def test_a_process_that_is_told_to_end_says_so_first_and_finishes_what_it_began(tmp_path: Path) -> None:
    async with (
        grantd(tmp_path, "grantd", settings_in(tmp_path), "serve") as process,
        grpc.aio.insecure_channel(f"unix:{tmp_path}/grpc.sock") as channel,
        http_at(tmp_path / "http.sock") as http,
    ):
        stub = AuthorizationServiceStub(channel)
        health = HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="grantd.v1.AuthorizationService"))
        await told(health, SERVING)
        blocker = locked(tmp_path)
        under_way = asyncio.ensure_future(stub.RedeemGrant(redeeming()))
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": redeeming().assertion,
            "client_id": "cli_desk",
            "client_secret": org.TOOLS_SECRET,
        }
        over_http = asyncio.ensure_future(http.post(f"{org.SERVER.replace('https:', 'http:')}/token", data=form))
        await asyncio.sleep(0.2)  # both are waiting for the lock, in the other process
        process.terminate()
        said = await told(health, NOT_SERVING)
        assert process.process.returncode is None
        assert not under_way.done()
        assert not over_http.done()
        # New calls are still taken for a moment, in which load balancers look elsewhere.
        late = asyncio.ensure_future(stub.RedeemGrant(redeeming()))
        await asyncio.sleep(NOTICE + 0.2)  # beyond it, new calls are not taken any more
        blocker.execute("ROLLBACK")
        assert (await under_way).access_token
        assert (await late).access_token
        answer = await over_http
        assert (answer.status_code, "access_token" in answer.json()) == (200, True)
        assert await asyncio.wait_for(process.process.wait(), 10) == 0
        assert time.monotonic() - said >= NOTICE
        with pytest.raises(grpc.aio.AioRpcError) as gone:
            await stub.RedeemGrant(redeeming(), timeout=2)
        assert gone.value.code() is grpc.StatusCode.UNAVAILABLE
    with sqlite3.connect(tmp_path / "grantd.db") as file:
        ((granted,),) = file.execute("SELECT count(*) FROM records WHERE outcome = 'granted'").fetchall()
    assert granted == 3, "each has its record"
