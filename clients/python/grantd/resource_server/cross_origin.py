"""Lets web pages of named origins call a resource server (CORS), and no others.

Off unless it is put around: `CrossOrigin(ResourceServer(...), origins=[...])`. Cookies
are never part of it; the token is in a header that the page sets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd.resource_server.refusal import respond

if TYPE_CHECKING:
    from collections.abc import Collection

    from grantd.resource_server.asgi import App, Message, Receive, Scope, Send

_MAX_AGE = b"600"
_ALLOWED = (
    b"authorization, content-type, accept, dpop, last-event-id, "
    b"mcp-session-id, mcp-protocol-version, mcp-method, mcp-name"
)
_EXPOSED = b"www-authenticate, dpop-nonce, mcp-session-id, mcp-protocol-version, retry-after"


class CrossOrigin:
    """ASGI middleware, outermost: also refusals must be readable."""

    def __init__(self, app: App, *, origins: Collection[str]) -> None:
        """`origins` as browsers spell them: `https://inspector.example`."""
        self._app = app
        self._origins = frozenset(origin.encode() for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = [(name.lower(), value) for name, value in scope["headers"]]
        origins = [value for name, value in sent if name == b"origin"]
        if len(origins) != 1 or origins[0] not in self._origins:
            await self._app(scope, receive, send)
            return
        allowed = [(b"access-control-allow-origin", origins[0]), (b"vary", b"Origin")]
        if scope["method"] == "OPTIONS" and any(name == b"access-control-request-method" for name, _ in sent):
            # A preflight has no token (Fetch section 3.2.2), and reaches nothing.
            methods = [(b"access-control-allow-methods", b"GET, POST, DELETE"), (b"access-control-max-age", _MAX_AGE)]
            await respond(send, 204, b"", [*allowed, *methods, (b"access-control-allow-headers", _ALLOWED)])
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message.get("headers", ()) if pair[0] != b"access-control-allow-origin"]
                exposed = (b"access-control-expose-headers", _EXPOSED)
                message = {**message, "headers": [*kept, *allowed, exposed]}
            await send(message)

        await self._app(scope, receive, sending)
