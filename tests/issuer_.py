"""Test support: an authorization server's public face on loopback, and its tokens.

Serves RFC 8414 metadata, a JWK Set and RFC 7662 introspection, all of which a test may
change or break while it runs.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from serving_ import base_of, body_of, listening, serving
from tokens import SigningKey, jwks, signing_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

RESOURCE = "https://tickets.example/mcp"
NOW = 1_795_000_000


@dataclass
class Issuer:
    """What the issuer publishes, and how often it was asked for what."""

    issuer: str
    key: SigningKey = field(default_factory=signing_key)
    keys: list[Any] = field(default_factory=lambda: [signing_key()])
    metadata: dict[str, Any] = field(default_factory=dict)
    introspection: dict[str, Any] = field(default_factory=lambda: {"active": False})
    status: int = 200
    padding: int = 0
    """Bytes put behind each document."""
    location: str | None = None
    decision: str = ""
    """The decision id of each answer, if any."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    authorization: list[str] = field(default_factory=list)

    def reset(self) -> Issuer:
        """As it was at first, for the next test."""
        vars(self).update(vars(Issuer(self.issuer)))
        return self

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good access token; a change of None takes the claim out."""
        claims = {
            "iss": self.issuer,
            "aud": RESOURCE,
            "sub": "u-18f2",
            "client_id": "assistant",
            "scope": "tickets:read tickets:write",
            "iat": NOW - 10,
            "exp": NOW + 900,
            "jti": "t-1",
            "acr": "mfa",
            "amr": ["pwd", "otp"],
            "auth_time": NOW - 60,
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, typ: str | None = "at+jwt", key: SigningKey | None = None, **changes: Any) -> str:
        return (key or self.key).sign(self.claims(**changes), typ)

    def fetched(self, end: str) -> int:
        """How often a path with this end was asked for."""
        return sum(path.endswith(end) for _, path in self.asked)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        self.asked.append((scope["method"], scope["path"]))
        body = await body_of(receive)
        if scope["method"] == "POST":
            self.forms.append(parse_qs(body.decode()))
            self.authorization += [value.decode() for name, value in scope["headers"] if name == b"authorization"]
        headers = [(b"content-type", b"application/json")]
        if self.decision:
            headers.append((b"x-grantd-decision-id", self.decision.encode()))
        status = self.status
        if self.location is not None:
            status, headers = 302, [(b"location", self.location.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": self._document(scope["path"]) + b" " * self.padding})

    def _document(self, path: str) -> bytes:
        if path == "/.well-known/oauth-authorization-server/as":
            found = {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/jwks"} | self.metadata
            return json.dumps(found).encode()
        if path.endswith("/jwks"):
            return jwks(*self.keys).encode()
        return json.dumps(self.introspection).encode()


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    """An issuer with the path `/as`, up and running."""
    listener = listening()
    issuer = Issuer(base_of(listener) + "/as")
    async with serving(issuer, listener=listener):
        yield issuer
