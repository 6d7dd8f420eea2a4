"""Serve: listeners up, signals heard, drained to the end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import ssl
from typing import TYPE_CHECKING

import grpc

from grantd_server.rpc.aio import Peers
from grantd_server.rpc.limits import Limits
from grantd_server.rpc.server import Listener, ListenerUnusable, RpcServer
from grantd_server.rpc.tls import ReloadingCredentials, TlsFiles, TlsUnusable
from grantd_server.settings import Serving, SettingsError
from grantd_server.shim.app import Shim
from grantd_server.shim.limits import ShimLimits
from grantd_server.shim.server import HttpServer, server_config
from grantd_server.telemetry.logs import Level
from grantd_server.wiring.build import build, telemetry_of
from grantd_server.wiring.service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from grantd_server.settings import Settings
    from grantd_server.telemetry.calls import Telemetry
    from grantd_server.wiring.parts import Parts

LOOK = 0.5
"""Seconds between looks at readiness, which health tells."""


async def serve(settings: Settings, serving: Serving) -> int:
    """Serves until SIGTERM or SIGINT, drains, and returns the exit code.

    Raises:
        SettingsError: something it needs cannot be had; nothing was served.
    """
    telemetry = telemetry_of(settings)
    telemetry.adopt_library_logs()
    stop = _signals()
    try:
        if serving is Serving.HTTP:
            await _serve_shim(settings, telemetry, stop)
        else:
            await _serve_rpc(settings, telemetry, stop, shim=serving is Serving.BOTH)
    finally:
        await asyncio.to_thread(telemetry.shutdown)
    return 0


async def _serve_rpc(settings: Settings, telemetry: Telemetry, stop: asyncio.Event, *, shim: bool) -> None:
    parts = build(settings, telemetry)
    service = Service(parts, settings)
    server = _rpc_server(settings, parts, telemetry)
    health = asyncio.create_task(_tell_health(server, service))

    async def ready() -> bool:
        return not service.problem()

    http = Shim(parts.channel(), _shim_limits(settings), ready=ready) if shim else None
    try:
        await service.start()
        await server.start()
        async with _http(settings, http) as listening:
            telemetry.log.event(Level.INFO, "serving", grpc=settings.grpc.listen, http=listening)
            await stop.wait()
            telemetry.log.event(Level.INFO, "draining")
            health.cancel()
            await server.drain(settings.limits.drain_notice, settings.limits.drain_grace)
    except ListenerUnusable as fault:
        raise SettingsError([f"grpc.listen: {fault}."]) from fault
    finally:
        # Also after a start that failed half-way: what was up already ends as properly.
        health.cancel()
        await server.grpc.stop(None)
        await service.stop()


async def _serve_shim(settings: Settings, telemetry: Telemetry, stop: asyncio.Event) -> None:
    async with _upstream(settings) as channel, _http(settings, Shim(channel, _shim_limits(settings))) as listening:
        telemetry.log.event(Level.INFO, "serving", http=listening, upstream=settings.http_upstream.address)
        await stop.wait()
        telemetry.log.event(Level.INFO, "draining")
        await asyncio.sleep(settings.limits.drain_notice)


def _rpc_server(settings: Settings, parts: Parts, telemetry: Telemetry) -> RpcServer:
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
        Limits(connections=limits.connections, streams=limits.streams, calls=limits.calls),
        reflection=chosen.reflection,
    )


def _shim_limits(settings: Settings) -> ShimLimits:
    return ShimLimits(
        call_seconds=settings.limits.deadline,
        trusted_proxies=settings.http.trusted_proxies,
        certificate_header=settings.http.certificate_header.encode() if settings.http.certificate_header else None,
        certificate_proxies=settings.http.certificate_proxies,
        cors=settings.http.cors,
    )


@contextlib.asynccontextmanager
async def _http(settings: Settings, app: Shim | None) -> AsyncIterator[str]:
    """The HTTP listener around a block; at its end, calls under way finish."""
    if app is None:
        yield ""
        return
    listen = settings.http.listen
    tls = settings.http.tls
    where: dict[str, object] = {}
    if listen.startswith("unix:"):
        where["uds"] = listen.removeprefix("unix:")
    else:
        host, _, port = listen.rpartition(":")
        where |= {"host": host.strip("[]"), "port": int(port)}
    if tls is not None:
        where |= {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.key)}
        if tls.client_ca is not None:
            where |= {"ssl_ca_certs": str(tls.client_ca), "ssl_cert_reqs": ssl.CERT_OPTIONAL}
    config = server_config(app, _shim_limits(settings), **where)
    config.timeout_graceful_shutdown = int(settings.limits.drain_grace) or 1
    server = HttpServer(config)
    serving = asyncio.create_task(_listening(server, listen))
    while not server.started:
        if serving.done():
            await serving
        await asyncio.sleep(0.005)
    try:
        yield listen
    finally:
        server.should_exit = True
        await serving


async def _listening(server: HttpServer, listen: str) -> None:
    try:
        await server.serve()
    except SystemExit as end:
        # uvicorn's way of telling that it cannot listen, which would end the process here.
        raise SettingsError([f"http.listen: cannot listen on {listen}."]) from end


@contextlib.asynccontextmanager
async def _upstream(settings: Settings) -> AsyncIterator[grpc.aio.Channel]:
    """The channel of a shim that runs apart."""
    upstream = settings.http_upstream
    address, tls = upstream.address or "", upstream.tls
    if tls is None:
        channel = grpc.aio.insecure_channel(address)
    else:
        credentials = grpc.ssl_channel_credentials(
            tls.ca.read_bytes(), tls.key.read_bytes(), tls.certificate.read_bytes()
        )
        options = [("grpc.ssl_target_name_override", tls.server_name)] if tls.server_name else None
        channel = grpc.aio.secure_channel(address, credentials, options=options)
    async with channel:
        yield channel


async def _tell_health(server: RpcServer, service: Service) -> None:
    """Health follows readiness, until it is drained."""
    while True:
        server.health.set_serving(not service.problem())
        await asyncio.sleep(LOOK)


def _signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
