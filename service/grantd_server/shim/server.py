"""The HTTP server of the shim: uvicorn, embedded in the loop of the worker.

What uvicorn leaves open is bounded here: how long and how large the head of a
request may be. Without it a byte a second holds a socket for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from grantd_server.shim.request.head import PEER_CERTIFICATE

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from grantd_server.shim.limits import ShimLimits


LINGER = 0.5
"""Seconds for requests that are on their way when the listener closes."""


class HttpServer(uvicorn.Server):
    """A uvicorn server that leaves signals to the process: gRPC drains first."""

    leaving = False

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    @property
    def port(self) -> int:
        """The port it listens on; 0 for a Unix socket."""
        name = self.servers[0].sockets[0].getsockname()
        return int(name[1]) if isinstance(name, tuple) else 0

    def leave(self) -> None:
        """From now on each answer ends its connection, so that clients open another,
        perhaps to another process. Connections are taken until `should_exit`."""
        self.leaving = True
        self.config.encoded_headers.append((b"connection", b"close"))
        # uvicorn makes the same once a second.
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops listening, answers what is on its way, and closes what stays silent.

        uvicorn would close a connection that it took a moment ago, whose request it has
        not read yet: to the client that is a reset."""
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        if self.leaving:
            await asyncio.sleep(LINGER)
        await super().shutdown(sockets)


def server_config(app: Any, limits: ShimLimits, **listen: Any) -> uvicorn.Config:
    """Settings of `HttpServer(config).serve()`; `listen` is host, port, uds, fd or TLS
    as uvicorn names them."""
    return uvicorn.Config(
        app,
        http=_bounded(limits),
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        # The shim believes only the proxies of its own limits; uvicorn would rewrite
        # the peer for anyone on loopback.
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=5,
        **listen,
    )


def _bounded(limits: ShimLimits) -> type[HttpToolsProtocol]:
    return type("BoundedHttpProtocol", (_BoundedHttpProtocol,), {"limits": limits})


class _BoundedHttpProtocol(HttpToolsProtocol):
    limits: ShimLimits
    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_body = False
    _certificate: bytes | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn narrows it
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        self._certificate = None if tls is None else tls.getpeercert(binary_form=True)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        if not self._in_body and self._head_timer is None:
            self._await_head()
        super().data_received(data)
        if self._head_timer is not None and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.head_bytes:
                self.send_400_response("The head of the request is too large.")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > self.limits.head_bytes:
            # Inside a parser callback: the parser stops, and uvicorn answers 400.
            raise ValueError("the head of the request is too large")
        if name.lower() == b"upgrade":
            # The parser skips the body of such a request and everything after it,
            # so that a form would arrive empty: an answer is better than silence.
            raise ValueError("no protocol is offered to change to")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_body = True
        self._end_head()
        cast("dict[str, Any]", self.scope)[PEER_CERTIFICATE] = self._certificate
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_body = False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.limits.head_seconds, self.transport.close)

    def _end_head(self) -> None:
        self._head_bytes = 0
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
