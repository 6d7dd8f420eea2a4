"""Rolling restarts under load: what a gRPC client that reconnects loses, and how many new
connections meet a listener that closes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from redeeming import Answers, new_grants, redeem, spread
from replicas import Replica, settings_of, started

if TYPE_CHECKING:
    from pathlib import Path

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""What an HTTP/2 client says first, with empty settings."""
MIGRATES = "/proc/sys/net/ipv4/tcp_migrate_req"


async def roll(folder: Path, address: str, workers: int, times: int) -> int:
    """Prints what was lost; 0 when no call was."""
    settings = settings_of(folder, address) | {"workers": workers}
    town = await started(folder, "town", settings | {"governance": {"directory": str(folder / "governance")}})
    try:
        answers, seen, took = await _under_load(town, times)
    finally:
        await town.gone()
    with open(MIGRATES) as setting:  # noqa: PTH123, ASYNC230 - one line of /proc
        migrates = setting.read().strip()
    replaced = workers * times
    print(f"{times} rolling restarts of {workers} workers, {took / times:.1f} s each, tcp_migrate_req {migrates}")
    print(
        f"  calls of 8 clients that reconnect: {answers.granted} granted, {answers.cut_off} cut off and made again, "
        f"{answers.refused.total() + answers.failed.total()} lost"
    )
    print(f"  a call: {spread(answers.seconds)}")
    print(
        f"  new connections: {sum(seen.values())}, {', '.join(f'{count} {what}' for what, count in sorted(seen.items()))}; {seen['reset'] / replaced:.1f} resets a worker"
    )
    return int(bool(answers.failed or answers.refused))


async def _under_load(town: Replica, times: int) -> tuple[Answers, Counter[str], float]:
    answers, seen, enough = Answers(), Counter[str](), asyncio.Event()

    async def client() -> None:
        stub = town.stub()
        while not enough.is_set():
            ((jti, grant),) = new_grants(1).items()
            await redeem(stub, jti, grant, answers, turns=2)

    async def connecting() -> None:
        while not enough.is_set():
            seen[await _connected(town.target)] += 1

    clients = [asyncio.create_task(each()) for each in [client] * 8 + [connecting] * 32]
    began = time.monotonic()
    for number in range(times):
        os.kill(town.pid, signal.SIGHUP)
        await town.process.told("restarted", number + 1)
    took = time.monotonic() - began
    enough.set()
    await asyncio.gather(*clients)
    return answers, seen, took


async def _connected(target: str) -> str:
    """Opens a connection up to the server's first word; what became of it."""
    host, _, port = target.rpartition(":")
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return "refused"
    try:
        writer.write(PREFACE)
        return "taken" if await reader.read(9) else "closed"
    except ConnectionError:
        return "reset"
    finally:
        connection = writer.get_extra_info("socket")
        with suppress(OSError):
            # Ended by a reset of our own: thousands of ports would else be busy for a minute.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.close()
