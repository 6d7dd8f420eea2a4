"""`grantd serve` with several workers: sockets bound, the bundle applied, signals heard.

No gRPC, no store and no key here: everything that judges a call is in the workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import time
from typing import TYPE_CHECKING, Final

from grantd_server.settings import Serving, SettingsError
from grantd_server.telemetry.logs import LogLines
from grantd_server.wiring.directory import AppliedDirectory
from grantd_server.wiring.processes.child import PROGRAM, Child
from grantd_server.wiring.processes.sockets import address_of, grpc_port, http_socket
from grantd_server.wiring.processes.supervisor import Patience, Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from grantd_server.settings import Settings
    from grantd_server.wiring.processes.seat import Seat

_PARTS: Final[Mapping[Serving, tuple[str, ...]]] = {
    Serving.BOTH: (),
    Serving.RPC: ("rpc",),
    Serving.HTTP: ("http",),
}
_SLACK: Final = 5.0
"""Seconds beyond its draining that a worker has to end: exporters, the last writing."""


async def supervise(
    settings: Settings, serving: Serving, environ: Mapping[str, str], reload: Callable[[], Settings]
) -> int:
    """Serves with `settings.workers` processes until SIGTERM or SIGINT; the exit code.

    `environ` is what the workers read their settings from; `reload` reads and checks
    them anew before a rolling restart. Raises SettingsError: nothing was served.
    """
    log = _log(settings)
    with contextlib.ExitStack() as held:
        environ, where, http = dict(environ), {}, None
        if Serving.RPC in serving:
            port = held.enter_context(grpc_port(settings.grpc.listen))
            environ["GRANTD__GRPC__LISTEN"] = where["grpc"] = address_of(port)
        if Serving.HTTP in serving:
            http = held.enter_context(http_socket(settings.http.listen))
            where["http"] = address_of(http)

        def command(seat: Seat) -> Sequence[str]:
            return (*PROGRAM, "serve", "--seat", str(seat), *_PARTS[serving])

        limits = settings.limits
        supervisor = Supervisor(
            lambda index: Child.start(index, command, http, environ),
            settings.workers,
            Patience(end=limits.drain_notice + limits.drain_grace + _SLACK, silence=limits.hang),
            log,
            lambda: _unlike(settings, reload),
        )
        _hear(supervisor)
        governed = settings.governance.directory
        if governed is None or Serving.RPC not in serving:
            return await supervisor.run(**where)
        directory = AppliedDirectory(governed, settings.governance.poll, (*PROGRAM, "apply"), environ, log)
        return await _run_governed(supervisor, directory, where)


async def _run_governed(supervisor: Supervisor, directory: AppliedDirectory, where: dict[str, str]) -> int:
    if code := await directory.at_start():
        return code
    following = asyncio.create_task(directory.follow())
    try:
        return await supervisor.run(**where)
    finally:
        following.cancel()


def _unlike(settings: Settings, reload: Callable[[], Settings]) -> list[str]:
    """Why workers cannot be replaced by such as read the settings now."""
    try:
        found = reload()
    except SettingsError as refused:
        return list(refused.problems)
    fixed = {
        "workers": (settings.workers, found.workers),
        "grpc.listen": (settings.grpc.listen, found.grpc.listen),
        "http.listen": (settings.http.listen, found.http.listen),
        "governance.directory": (settings.governance.directory, found.governance.directory),
    }
    return [f"{name} has changed, which needs a stop and a start." for name, (old, new) in fixed.items() if old != new]


def _hear(supervisor: Supervisor) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        (supervisor.kill if supervisor.stop.is_set() else supervisor.stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, supervisor.renew.set)


def _log(settings: Settings) -> LogLines:
    chosen = settings.telemetry
    return LogLines(sys.stderr, time.time_ns, lambda: None, level=chosen.log_level, as_json=chosen.log_format == "json")
