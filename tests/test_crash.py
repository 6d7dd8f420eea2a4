"""kill -9 around COMMIT: what the client sees, what the store holds, what works after."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import sqlite3
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest

import organisation as org
from grantd.v1 import authorization_pb2 as pb
from grantd.v1.authorization_pb2_grpc import AuthorizationServiceStub
from grantd.v1.client_pb2 import ClientAuthentication, ClientSecret

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHILD = Path(__file__).parent / "crash_child.py"


@asynccontextmanager
async def child(folder: Path, where: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), str(folder), where, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield process, (await process.stdout.readline()).decode().strip()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def redeem(target: str, grant: str) -> str:
    async with grpc.aio.insecure_channel(target) as channel:
        try:
            await AuthorizationServiceStub(channel).RedeemGrant(
                pb.RedeemGrantRequest(
                    issuer=org.SERVER,
                    client=ClientAuthentication(client_id="cli_desk", secret=ClientSecret(secret=org.TOOLS_SECRET)),
                    assertion=grant,
                ),
                timeout=10,
            )
        except grpc.aio.AioRpcError as error:
            return error.code().name
    return "token"


def held(folder: Path) -> dict[str, int]:
    """What the file holds: uses of grants, issued tokens, records of redemptions."""
    with sqlite3.connect(folder / "grantd.db") as file:
        return {
            "marks": file.execute("SELECT count(*) FROM marks WHERE space = 1").fetchone()[0],
            "issued": file.execute("SELECT count(*) FROM issued").fetchone()[0],
            "granted": file.execute(
                "SELECT count(*) FROM records WHERE rpc = 'RedeemGrant' AND outcome = 'granted'"
            ).fetchone()[0],
        }


@pytest.mark.req("B-20", "B-21", "A-49")
@pytest.mark.parametrize(
    ("where", "kept", "again"),
    [("before", 0, "token"), ("after", 1, "FAILED_PRECONDITION")],
    ids=["killed before COMMIT: the grant is free", "killed after COMMIT: the grant is used, on record"],
)
async def test_a_kill_around_commit_leaves_all_of_a_redemption_or_nothing(
    tmp_path: Path, where: str, kept: int, again: str
) -> None:
    (tmp_path / "bundle.json").write_text(json.dumps(org.bundle()))
    grant = org.partner_grant(int(time.time()), jti=secrets.token_hex(8))
    async with child(tmp_path, where) as (process, target):
        client = asyncio.create_task(redeem(target, grant))
        assert process.stdout is not None
        assert (await process.stdout.readline()) == b"paused\n"
        os.kill(process.pid, signal.SIGKILL)
        assert await client == "UNAVAILABLE"
    assert held(tmp_path) == {"marks": kept, "issued": kept, "granted": kept}
    async with child(tmp_path, "never") as (_, target):
        assert await redeem(target, grant) == again
        assert await redeem(target, org.partner_grant(int(time.time()), jti=secrets.token_hex(8))) == "token"
