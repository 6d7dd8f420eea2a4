"""`ResourceServer`: an ASGI application behind grantd's access tokens.

    app = ResourceServer(app, verifier, ProtectedResource(...), required=("tickets:read",))

Publishes the RFC 9728 document and refuses as RFC 6750 and MCP want it. Each request is
checked, whatever session it belongs to. The application finds a `VerifiedToken` in
`scope["grantd.token"]`, and no Authorization header: a token that it does not have
cannot be passed on (H-16).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from grantd.errors import GrantdError
from grantd.resource_server.bearer import MalformedAuthorization, read_bearer
from grantd.resource_server.challenge import bearer
from grantd.resource_server.tokens import TokenRefused, VerifiedToken, Verifier, with_implied

if TYPE_CHECKING:
    from grantd.resource_server.protected_resource import ProtectedResource

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Required = Callable[[Scope], Iterable[str]]
"""All scopes that the operation of one request needs."""

TOKEN = "grantd.token"
"""Where the application finds the `VerifiedToken` of a request."""

_POLICY_VIOLATION = 1008


class _Refusal(Exception):
    """How one request is refused."""

    def __init__(self, status: int, challenge: str | None, error: str | None) -> None:
        super().__init__(error)
        self.status = status
        self.challenge = challenge
        self.error = error


class ResourceServer:
    """ASGI middleware that lets through what the verifier accepts."""

    def __init__(
        self,
        app: App,
        verifier: Verifier,
        resource: ProtectedResource,
        *,
        required: Iterable[str] | Required = (),
        implied: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        """`required` is what every request needs, or a function of the request;
        `implied` says which scopes a broader one contains (H-10)."""
        self._app = app
        self._verifier = verifier
        self._resource = resource
        self._implied = implied or {}
        if callable(required):
            self._required: Required = required
        else:
            always = tuple(required)
            self._required = lambda _scope: always

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == self._resource.metadata_path:
            await self._publish(scope, send)
        else:
            try:
                token = await self._admit(scope)
            except _Refusal as refusal:
                await _refuse(scope, send, refusal)
                return
            headers = [pair for pair in scope["headers"] if pair[0].lower() != b"authorization"]
            await self._app({**scope, "headers": headers, TOKEN: token}, receive, send)

    async def _admit(self, scope: Scope) -> VerifiedToken:
        required = tuple(dict.fromkeys(self._required(scope)))
        try:
            raw_token = read_bearer(scope["headers"])
        except MalformedAuthorization:
            raise self._refusal(400, "invalid_request") from None
        if raw_token is None:
            # No `error`: nothing was wrong with credentials that were not sent (H-07).
            raise self._refusal(401, None, scope=" ".join(required) or None)
        try:
            token = await self._verifier.verify(raw_token)
        except TokenRefused:
            raise self._refusal(401, "invalid_token") from None
        except GrantdError:
            # Nobody could tell. A challenge would send the client to sign in again.
            raise _Refusal(503, None, "temporarily_unavailable") from None
        if not with_implied(token.scopes, self._implied).issuperset(required):
            # All that the operation needs, in one challenge and not one at a time (H-09).
            raise self._refusal(403, "insufficient_scope", scope=" ".join(required))
        return token

    def _refusal(self, status: int, error: str | None, scope: str | None = None) -> _Refusal:
        challenge = bearer(error=error, scope=scope, resource_metadata=self._resource.metadata_url)
        return _Refusal(status, challenge, error)

    async def _publish(self, scope: Scope, send: Send) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            await _answer(send, 405, b"", [(b"allow", b"GET, HEAD")])
            return
        headers = [
            (b"content-type", b"application/json"),
            (b"cache-control", b"max-age=3600"),
            # Clients that run in a browser must be able to read what is public anyway.
            (b"access-control-allow-origin", b"*"),
        ]
        await _answer(send, 200, self._resource.document(), headers, only_head=scope["method"] == "HEAD")


async def _refuse(scope: Scope, send: Send, refusal: _Refusal) -> None:
    if scope["type"] == "websocket":
        # Before it is accepted a websocket is refused as HTTP 403, without headers.
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        return
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    if refusal.challenge is not None:
        headers.append((b"www-authenticate", refusal.challenge.encode()))
    body = json.dumps({"error": refusal.error}).encode() if refusal.error else b"{}"
    await _answer(send, refusal.status, body, headers, only_head=scope["method"] == "HEAD")


async def _answer(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]], *, only_head: bool = False
) -> None:
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if only_head else body})
