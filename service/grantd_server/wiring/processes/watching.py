"""Ends workers whose event loop hangs: they hold their place, take connections and answer nobody."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from grantd_server.telemetry.logs import Level

if TYPE_CHECKING:
    from collections.abc import Collection

    from grantd_server.telemetry.logs import LogLines
    from grantd_server.wiring.processes.child import Child

_LOOK: Final = 0.5
"""Seconds between two looks at all workers."""


async def watch(live: Collection[Child], silence: float, log: LogLines) -> None:
    """Kills every worker that has beaten once and not for `silence` seconds; whoever keeps
    its place fills it again. Runs until cancelled."""
    looked, killed = time.monotonic(), set[int]()
    while True:
        await asyncio.sleep(_LOOK)
        before, looked = looked, time.monotonic()
        # Stopped, or starved: what they said meanwhile is not read yet.
        deaf = looked - before > 2 * _LOOK
        for child in list(live):
            if deaf:
                child.excuse()
            elif child.silent() > silence and child.pid not in killed:
                killed.add(child.pid)
                log.event(
                    Level.ERROR, "worker.hung", worker=child.index, pid=child.pid, silent=round(child.silent(), 1)
                )
                child.kill()
