"""Ends an answer that would go on beyond its token."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from grantd.resource_server.refusal import Refusal

if TYPE_CHECKING:
    from grantd.resource_server.asgi import App, Message, Receive, Scope, Send


async def ending_with(seconds: float, app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Runs an application for as long as the token of its request lives, then ends the
    answer in good order: the client comes back with a token that still counts."""
    begun = ended = False

    async def sending(message: Message) -> None:
        nonlocal begun, ended
        begun = True
        ended = message["type"] == "http.response.body" and not message.get("more_body", False)
        await send(message)

    end: Any = None
    try:
        async with asyncio.timeout(max(seconds, 0)) as end:
            await app(scope, receive, sending)
    except TimeoutError:
        if not end.expired():
            raise
        if not begun:
            await Refusal(503, "temporarily_unavailable").answer(scope, send)
            return
    if begun and not ended:
        await send({"type": "http.response.body", "body": b""})
