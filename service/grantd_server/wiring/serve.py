"""Serve: listeners up, signals heard, drained to the end."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd_server.model.caller import ADMINISTRATION
from grantd_server.rpc.limits import LONGEST_STREAM, Limits
from grantd_server.rpc.server import Listener, ListenerUnusable, RpcServer
from grantd_server.rpc.server.aio import Peers
from grantd_server.rpc.server.tls import ReloadingCredentials, TlsFiles, TlsUnusable
from grantd_server.settings import Serving, SettingsError
from grantd_server.shim.app import Shim
from grantd_server.telemetry.logs import Level
from grantd_server.wiring.build import build, telemetry_of
from grantd_server.wiring.http import http_listener, shim_limits, upstream
from grantd_server.wiring.processes.seat import READY, UP, beat, line_of
from grantd_server.wiring.processes.sockets import with_port
from grantd_server.wiring.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd_server.settings import Settings
    from grantd_server.settings.listeners import Grpc
    from grantd_server.shim.server import HttpServer
    from grantd_server.telemetry.calls import Telemetry
    from grantd_server.wiring.parts import Parts
from grantd_server.wiring.processes.seat import Seat

LOOK = 0.5
"""Seconds between looks at readiness, which health tells."""


@dataclass(frozen=True, slots=True)
class Running:
    """What one process has from its start to its end."""

    settings: Settings
    telemetry: Telemetry
    stop: asyncio.Event
    tell: Callable[[bytes], None]
    """Tells the supervisor, where there is one."""
    seat: Seat | None


async def serve(settings: Settings, serving: Serving, seat: Seat | None = None) -> int:
    """Serves until SIGTERM or SIGINT, drains, and returns the exit code. With a `seat`
    it is one of several workers, and ends when their supervisor is gone.

    Raises:
        SettingsError: something it needs cannot be had; nothing was served.
    """
    telemetry = telemetry_of(settings, 0 if seat is None else seat.index)
    telemetry.adopt_library_logs()
    stop = _signals()
    running = Running(settings, telemetry, stop, line_of(seat, stop), seat)
    beating = asyncio.create_task(beat(running.tell), name="beat")
    try:
        if serving is Serving.HTTP:
            await _serve_shim(running)
        else:
            await _serve_rpc(running, shim=serving is Serving.BOTH)
    finally:
        await asyncio.to_thread(telemetry.shutdown)
        beating.cancel()
    return 0


async def _serve_rpc(running: Running, *, shim: bool) -> None:
    settings, telemetry, seat = running.settings, running.telemetry, running.seat
    parts = build(settings, telemetry, 0 if seat is None else seat.index)
    service = Service(parts, settings, led=seat is not None)
    server = _rpc_server(settings, parts, telemetry, reuse_port=seat is not None)
    health = asyncio.create_task(_tell_health(server, service, running.tell))

    async def ready() -> bool:
        return not service.problem()

    http = Shim(parts.channel(), shim_limits(settings), ready=ready) if shim else None
    try:
        await service.start()
        await server.start()
        async with http_listener(settings, http, seat) as listening:
            _say_up(running, listening, grpc=with_port(settings.grpc.listen, server.ports[0]))
            await _told_to_end(running, listening)
            health.cancel()
            await server.drain(settings.limits.drain_notice, settings.limits.drain_grace)
    except ListenerUnusable as fault:
        raise SettingsError([f"grpc.listen: {fault}."]) from fault
    finally:
        # Also after a start that failed half-way: what was up already ends as properly.
        health.cancel()
        await server.grpc.stop(None)
        await service.stop()


async def _serve_shim(running: Running) -> None:
    settings = running.settings
    async with (
        upstream(settings) as channel,
        http_listener(settings, Shim(channel, shim_limits(settings)), running.seat) as listening,
    ):
        _say_up(running, listening, upstream=settings.http_upstream.address)
        running.tell(READY)
        await _told_to_end(running, listening)
        await asyncio.sleep(settings.limits.drain_notice)


def _say_up(running: Running, http: HttpServer | None, **where: object) -> None:
    if running.seat is None:
        listen = with_port(running.settings.http.listen, http.port) if http else ""
        running.telemetry.log.event(Level.INFO, "serving", **where, http=listen)
    else:
        # What all of them serve, and where, the supervisor says once.
        running.telemetry.log.event(Level.INFO, "worker.up", worker=running.seat.index)
    running.tell(UP)


async def _told_to_end(running: Running, http: HttpServer | None) -> None:
    await running.stop.wait()
    running.telemetry.log.event(Level.INFO, "draining")
    if http is not None:
        http.leave()


def _rpc_server(settings: Settings, parts: Parts, telemetry: Telemetry, *, reuse_port: bool) -> RpcServer:
    chosen, limits = settings.grpc, settings.limits
    credentials = None
    if chosen.tls is not None:
        files = TlsFiles(chosen.tls.certificate, chosen.tls.key, chosen.tls.client_ca)
        try:
            credentials = ReloadingCredentials(
                files, lambda cause: telemetry.log.event(Level.ERROR, "tls.kept", cause=cause)
            )
        except TlsUnusable as fault:
            raise SettingsError([f"grpc.tls: {fault}."]) from fault
    return RpcServer(
        parts.endpoints,
        Peers(chosen.callers, chosen.plaintext if settings.development else None),
        [Listener(chosen.listen, credentials)],
        Limits(
            connections=limits.connections,
            streams=limits.streams,
            calls=limits.calls,
            # The streams of administrators outlast a connection's age; calls of others do not.
            connection_grace=LONGEST_STREAM if _is_governed(chosen) else Limits().connection_grace,
            reuse_port=reuse_port,
        ),
        reflection=chosen.reflection,
    )


def _is_governed(chosen: Grpc) -> bool:
    """Whether anybody of the administration may call."""
    return not ADMINISTRATION.isdisjoint({*chosen.callers.values(), chosen.plaintext})


async def _tell_health(server: RpcServer, service: Service, tell: Callable[[bytes], None]) -> None:
    """Health follows readiness, until it is drained."""
    told = False
    while True:
        ready = not service.problem()
        server.health.set_serving(ready)
        if ready and not told:
            tell(READY)
            told = True
        await asyncio.sleep(LOOK)


def _signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
