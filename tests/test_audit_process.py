"""A real process: verified while it serves, after kill -9, and after it drained."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from typing import TYPE_CHECKING, Any

import grpc
from typer.testing import CliRunner

import organisation as org
from grantd.v1 import authorization_pb2 as pb
from grantd.v1.authorization_pb2_grpc import AuthorizationServiceStub
from grantd_server.cli.app import app
from grantd_server.keys.own.files import KeyDirectory
from grantd_server.keys.own.rotation import Rotation, Schedule
from leg_two import DESK
from second_place import KEY
from served import grantd, prepare

if TYPE_CHECKING:
    from pathlib import Path


def settings_in(folder: Path) -> dict[str, Any]:
    (folder / "second").mkdir()
    prepared = prepare(folder)
    Rotation(KeyDirectory(folder / "keys"), Schedule()).ensure([KEY], int(time.time()))
    return {
        **prepared,
        "development": True,
        "grpc": {"listen": f"unix:{folder}/grpc.sock", "plaintext": "service"},
        "audit": {"checkpoints": {"directory": str(folder / "second"), "interval": 1}},
        "limits": {"drain_notice": 0, "drain_grace": 5},
    }


async def redeem(folder: Path, count: int) -> None:
    async with grpc.aio.insecure_channel(f"unix:{folder}/grpc.sock") as channel:
        stub = AuthorizationServiceStub(channel)
        grants = [org.partner_grant(int(time.time()), jti=secrets.token_hex(8)) for _ in range(count)]
        requests = [pb.RedeemGrantRequest(issuer=org.SERVER, client=DESK, assertion=grant) for grant in grants]
        await asyncio.gather(*(stub.RedeemGrant(request, timeout=20, wait_for_ready=True) for request in requests))


async def verified(folder: Path) -> dict[str, Any]:
    def run() -> dict[str, Any]:
        found = CliRunner().invoke(app, ["audit", "verify", "--json", "--config", str(folder / "grantd.yaml")])
        assert found.exit_code == 0, found.output
        return dict(json.loads(found.stdout))

    return await asyncio.to_thread(run)


async def test_records_are_proven_while_a_process_serves_after_a_kill_and_after_its_end(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    async with grantd(tmp_path, "grantd", settings, "serve", "rpc") as process:
        await redeem(tmp_path, 5)
        serving = await verified(tmp_path)
        (writer,) = serving["writers"]
        assert writer["rows"] >= 5
        process.process.kill()
        await process.process.wait()
    killed = await verified(tmp_path)
    assert killed["writers"][0]["rows"] == writer["rows"]
    async with grantd(tmp_path, "grantd", settings, "serve", "rpc") as process:
        await redeem(tmp_path, 3)
        process.terminate()
        assert await asyncio.wait_for(process.process.wait(), 30) == 0

    ended = await verified(tmp_path)

    assert ended["writers"][0]["rows"] == writer["rows"] + 3
    assert (ended["window_rows"], ended["writers"][0]["proven"]) == (0, ended["writers"][0]["last"])
    (place,) = ended["places"]
    assert (place["first"], place["checkpoints"]) == (1, place["last"])
