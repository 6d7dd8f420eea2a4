"""A real `grantd` on a PostgreSQL that freezes as a whole: status, seconds, readiness, and back."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING, Any

import pytest

import organisation as org
from case_transports import GRANT_TYPES
from postgres_ import frozen
from served import grantd, http_at, prepare

if TYPE_CHECKING:
    from pathlib import Path

    import httpx2

    from postgres_ import Server

TIMEOUT = 2.0
"""`store.timeout`: seconds that PostgreSQL has for one answer."""


def settings_in(folder: Path, database: str) -> dict[str, Any]:
    return {
        **prepare(folder),
        "development": True,
        "replica": "eu-1",
        "store": {"url": database, "timeout": TIMEOUT},
        "grpc": {"listen": f"unix:{folder}/grpc.sock", "plaintext": "service"},
        "http": {"listen": f"unix:{folder}/http.sock"},
        "limits": {"drain_notice": 0, "drain_grace": 2},
    }


async def redeem(http: httpx2.AsyncClient, grant: str) -> tuple[int, float]:
    """The status, and after how many seconds it came."""
    begun = time.monotonic()
    form = {"grant_type": GRANT_TYPES["redeem"], "assertion": grant}
    answer = await http.post(
        f"{org.SERVER}/token".replace("https", "http"), data=form, auth=("cli_desk", org.TOOLS_SECRET)
    )
    return answer.status_code, time.monotonic() - begun


async def until(http: httpx2.AsyncClient, status: int, seconds: float) -> float:
    """Waits for readiness to answer so; how long that took."""
    begun = time.monotonic()
    while (await http.get("http://grantd/readyz")).status_code != status:
        assert time.monotonic() - begun < seconds, f"not {status} within {seconds} s"
        await asyncio.sleep(0.05)
    return time.monotonic() - begun


def grant() -> str:
    return org.partner_grant(int(time.time()), jti=secrets.token_hex(8))


@pytest.mark.req("B-22")
@pytest.mark.hostile("F05", "F06")
async def test_a_frozen_postgresql_is_unavailable_in_bounded_time_not_ready_and_back_by_itself(
    tmp_path: Path, database: str, migrated: Server
) -> None:
    used = grant()
    async with (
        grantd(tmp_path, "eu-1", settings_in(tmp_path, database), "serve"),
        http_at(tmp_path / "http.sock") as http,
    ):
        await until(http, 200, 30)
        assert (await redeem(http, used))[0] == 200
        kept = grant()
        with frozen(*migrated.processes()):
            refused = await asyncio.gather(redeem(http, kept), redeem(http, used), redeem(http, grant()))
            assert {status for status, _ in refused} == {503}
            assert max(seconds for _, seconds in refused) < 4 * TIMEOUT
            not_ready = await until(http, 503, 30)
        back = await until(http, 200, 30)
        assert (await redeem(http, kept))[0] == 200, "what was refused meanwhile was not used up"
        assert (await redeem(http, used))[0] == 400
    print(
        f"503 after {max(s for _, s in refused):.2f} s, not ready after {not_ready:.1f} s, ready again {back:.2f} s later"
    )
