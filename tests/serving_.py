"""Test support: an ASGI application on a loopback port, in the test's own loop."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import uvicorn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def serving(app: Any, *, lifespan: str = "off", listener: socket.socket | None = None) -> AsyncIterator[str]:
    """Serves `app` and yields its base URL, without a slash at the end."""
    listener = listener or listening()
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan=lifespan, ws="none")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # the test keeps its own handlers
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.005)
        yield base_of(listener)
    finally:
        server.should_exit = True
        await task


async def body_of(receive: Any) -> bytes:
    """The whole body of the request that an application is called for."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


def listening() -> socket.socket:
    """A listening loopback socket, for applications that must know their URL beforehand."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener


def base_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"
