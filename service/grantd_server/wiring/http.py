"""The HTTP side of a process: its listener, and the channel of one that runs apart."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING

import grpc

from grantd_server.settings import SettingsError
from grantd_server.shim.limits import ShimLimits
from grantd_server.shim.server import HttpServer, server_config
from grantd_server.shim.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from grantd_server.settings import Settings
    from grantd_server.shim.app import Shim
    from grantd_server.wiring.processes.seat import Seat


def shim_limits(settings: Settings) -> ShimLimits:
    """What the HTTP side grants a caller, and whom it believes."""
    return ShimLimits(
        call_seconds=settings.limits.deadline,
        trusted_proxies=settings.http.trusted_proxies,
        certificate_header=settings.http.certificate_header.encode() if settings.http.certificate_header else None,
        certificate_proxies=settings.http.certificate_proxies,
        error_uri=settings.http.error_uri,
        cors=settings.http.cors,
    )


@contextlib.asynccontextmanager
async def http_listener(settings: Settings, app: Shim | None, seat: Seat | None) -> AsyncIterator[HttpServer | None]:
    """The HTTP listener around a block; at its end, calls under way finish."""
    if app is None:
        yield None
        return
    listen = settings.http.listen
    tls = settings.http.tls
    where: dict[str, object] = {}
    shared = None
    if seat is not None and seat.http is not None:
        shared = [socket.socket(fileno=seat.http)]
    elif listen.startswith("unix:"):
        where["uds"] = listen.removeprefix("unix:")
    else:
        host, _, port = listen.rpartition(":")
        where |= {"host": host.strip("[]"), "port": int(port)}
    if tls is not None:
        where |= {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.key)}
        if tls.client_ca is not None:
            where |= {"ssl_ca_certs": str(tls.client_ca), "ssl_cert_reqs": ssl.CERT_OPTIONAL}
    config = server_config(app, shim_limits(settings), **where)
    config.timeout_graceful_shutdown = int(settings.limits.drain_grace) or 1
    server = HttpServer(config)
    serving = asyncio.create_task(_listening(server, listen, shared))
    while not server.started:
        if serving.done():
            await serving
        await asyncio.sleep(0.005)
    try:
        yield server
    finally:
        server.should_exit = True
        await serving


async def _listening(server: HttpServer, listen: str, shared: list[socket.socket] | None) -> None:
    try:
        await server.serve(shared)
    except SystemExit as end:
        # uvicorn's way of telling that it cannot listen, which would end the process here.
        raise SettingsError([f"http.listen: cannot listen on {listen}."]) from end


@contextlib.asynccontextmanager
async def upstream(settings: Settings) -> AsyncIterator[grpc.aio.Channel]:
    """The channel of a shim that runs apart."""
    address, tls = settings.http_upstream.address or "", settings.http_upstream.tls
    # Of its own: channels to one address would else share a connection, and its streams.
    options: list[tuple[str, int | str]] = [("grpc.use_local_subchannel_pool", 1)]
    if tls is not None and tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    credentials = None
    if tls is not None:
        files = tls.ca.read_bytes(), tls.key.read_bytes(), tls.certificate.read_bytes()
        credentials = grpc.ssl_channel_credentials(*files)

    def connect() -> grpc.aio.Channel:
        if credentials is None:
            return grpc.aio.insecure_channel(address, options=options)
        return grpc.aio.secure_channel(address, credentials, options=options)

    async with Upstream(connect) as channel:
        yield channel
