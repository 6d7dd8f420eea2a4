"""`ResourceServer`: an ASGI application behind access tokens.

    app = ResourceServer(app, verifier, ProtectedResource(...), required=("tickets:read",))

Publishes the RFC 9728 document and refuses as RFC 6750 and MCP want it. Each request is
checked, whatever session it belongs to. The application finds a `VerifiedToken` in
`scope["grantd.token"]`, and neither Authorization nor DPoP header: a token that it does
not have cannot be passed on (H-16).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, MutableMapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict

from grantd.claims import SKEW
from grantd.resource_server.admission import Admission
from grantd.resource_server.expiry import ending_with
from grantd.resource_server.refusal import Refusal, respond
from grantd.resource_server.requirement import Requirement

if TYPE_CHECKING:
    from grantd.resource_server.operations import Operations
    from grantd.resource_server.possession import Possession
    from grantd.resource_server.protected_resource import ProtectedResource
    from grantd.verifiers.tokens import VerifiedToken, Verifier

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Required = Callable[[Scope], Requirement | Iterable[str]]
"""All that the operation of one request needs; scopes alone may be named as such."""

TOKEN = "grantd.token"
"""Where the application finds the `VerifiedToken` of a request."""

_LOG = logging.getLogger("grantd.resource_server")
_OURS = frozenset({b"authorization", b"dpop"})
_PREFLIGHT = [
    (b"allow", b"GET, HEAD, OPTIONS"),
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD"),
    (b"access-control-allow-headers", b"*"),
]


class Settings(TypedDict, total=False):
    """What `ResourceServer` may be told beyond its three parts."""

    required: Requirement | Iterable[str] | Required
    operations: Operations | None
    implied: Mapping[str, frozenset[str]] | None
    possession: Possession | None
    asking: Verifier | None
    public: Collection[str]
    now: Callable[[], float]


class ResourceServer:
    """ASGI middleware that lets through what the verifier accepts."""

    def __init__(
        self,
        app: App,
        verifier: Verifier,
        resource: ProtectedResource,
        *,
        required: Requirement | Iterable[str] | Required = (),
        operations: Operations | None = None,
        implied: Mapping[str, frozenset[str]] | None = None,
        possession: Possession | None = None,
        asking: Verifier | None = None,
        public: Collection[str] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        """`required` is what every request needs, or a function of the request; `operations`
        what single MCP tools need beyond it; `public` are paths without tokens, such as
        health checks. The rest is as `Admission` has it."""
        if possession is not None:
            resource = replace(
                resource,
                dpop_signing_alg_values_supported=possession.algorithms,
                dpop_bound_access_tokens_required=possession.required,
            )
        self._app = app
        self._resource = resource
        self._admission = Admission(verifier, resource, possession=possession, asking=asking, implied=implied, now=now)
        self._required = required if callable(required) else _always(required)
        self._operations = operations
        self._possession = possession
        self._public = frozenset(public)
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
        elif scope["path"] in self._public:
            await self._app(_without_credentials(scope), receive, send)
        elif scope["type"] == "http" and scope["path"] == self._resource.metadata_path:
            await self._publish(scope, send)
        else:
            try:
                always = _read(self._required(scope))
                token = await self._admission.admit(scope, always)
                if self._operations is not None and scope["type"] == "http" and scope["method"] == "POST":
                    needed, receive = await self._operations.read(receive)
                    # The challenge names all scopes, not only those of the tool (H-09).
                    needed = replace(needed, scopes=always.scopes + needed.scopes)
                    await self._admission.suffice(scope, token, needed)
            except Refusal as refusal:
                # For whoever runs the server: the caller is told no check by name.
                level = logging.WARNING if refusal.status == 503 else logging.INFO
                _LOG.log(level, "refused with %d %s: %s", refusal.status, refusal.error or "-", refusal.check or "-")
                await refusal.answer(scope, send)
                return
            await self._serve(scope, receive, self._with_nonce(send), token)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, token: VerifiedToken) -> None:
        admitted = {**_without_credentials(scope), TOKEN: token}
        if scope["type"] == "http" and scope["method"] == "GET":
            # What listens would otherwise go on for as long as the connection does.
            await ending_with(token.expires_at + SKEW - self._now(), self._app, admitted, receive, send)
        else:
            await self._app(admitted, receive, send)

    def _with_nonce(self, send: Send) -> Send:
        """Hands out a nonce with each answer, so that the next proof is good at once."""
        nonce = self._possession.nonce() if self._possession is not None else None
        if nonce is None:
            return send
        header = (b"dpop-nonce", nonce.encode())

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), header]}
            await send(message)

        return sending

    async def _publish(self, scope: Scope, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            await respond(send, 204, b"", _PREFLIGHT)
            return
        if scope["method"] not in {"GET", "HEAD"}:
            await respond(send, 405, b"", [(b"allow", b"GET, HEAD, OPTIONS")])
            return
        headers = [
            (b"content-type", b"application/json"),
            (b"cache-control", b"max-age=3600"),
            # Clients that run in a browser must be able to read what is public anyway.
            (b"access-control-allow-origin", b"*"),
        ]
        await respond(send, 200, self._resource.document(), headers, only_head=scope["method"] == "HEAD")


def _without_credentials(scope: Scope) -> Scope:
    return {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() not in _OURS]}


def _read(required: Requirement | Iterable[str]) -> Requirement:
    return required if isinstance(required, Requirement) else Requirement(tuple(required))


def _always(required: Requirement | Iterable[str]) -> Required:
    always = _read(required)
    return lambda _scope: always
