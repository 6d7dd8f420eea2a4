"""Test support: a protected resource without a network, and requests to it."""

from __future__ import annotations

import json
from typing import Any

from grantd.errors import Unavailable
from grantd.resource_server.protected_resource import ProtectedResource
from grantd.verifiers.tokens import TokenRefused, VerifiedToken
from serving_ import body_of

NOW = 1_795_000_000
RESOURCE = ProtectedResource("https://tickets.example/mcp", ("https://as.example/as",))
METADATA = "https://tickets.example/.well-known/oauth-protected-resource/mcp"


def verified(**changes: Any) -> VerifiedToken:
    fields = {
        "issuer": "https://as.example/as",
        "subject": "u",
        "client_id": "c",
        "scopes": frozenset({"tickets:read"}),
        "resource": RESOURCE.resource,
        "expires_at": NOW + 900,
        "token_id": "j",
    } | changes
    return VerifiedToken(**fields)


class Verifier:
    """Knows the token `good`, bound to `jkt` if that is set; `gone` cannot be told."""

    def __init__(self, **token: Any) -> None:
        self.token = token
        self.asked: list[str] = []

    async def verify(self, raw_token: str, *, jkt: str | None = None) -> VerifiedToken:
        self.asked.append(raw_token)
        if raw_token == "gone":
            raise Unavailable("UNAVAILABLE", description="canary-cause")
        if raw_token != "good" or jkt != self.token.get("jkt"):
            raise TokenRefused("signature")
        return verified(**self.token)


class Called:
    """An application that remembers what it was called with."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        self.bodies.append(await body_of(receive))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Answer:
    """One HTTP answer."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.status: int = messages[0]["status"]
        self.headers = [(name.decode(), value.decode()) for name, value in messages[0]["headers"]]
        self.body = b"".join(message.get("body", b"") for message in messages[1:])

    def all(self, name: str) -> list[str]:
        return [value for found, value in self.headers if found == name]

    def one(self, name: str) -> str:
        (value,) = self.all(name)
        return value

    @property
    def challenges(self) -> list[str]:
        return self.all("www-authenticate")

    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: Any,
    *headers: tuple[str, str],
    method: str = "POST",
    path: str = "/mcp",
    chunks: tuple[bytes, ...] = (b"",),
    **scope: Any,
) -> Answer:
    """Sends one request in as many chunks as its body has."""
    sent: list[dict[str, Any]] = []
    pending = [
        {"type": "http.request", "body": chunk, "more_body": number + 1 < len(chunks)}
        for number, chunk in enumerate(chunks)
    ]

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return pending.pop(0) if pending else {"type": "http.disconnect"}

    raw = [(name.encode(), value.encode()) for name, value in headers]
    await app(
        {"type": "http", "method": method, "path": path, "query_string": b"", "headers": raw} | scope, receive, send
    )
    return Answer(sent)


GOOD = ("authorization", "Bearer good")
