"""Test support: what four healthy parties publish and answer, by the names they go by."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from doctor_keys import KEYS
from tokens import SigningKey, signing_key

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

NAMES = {
    "idp": "https://login.corp.example",
    "issuer": "https://grants.corp.example/corp",
    "server": "https://as.tools.example/as",
    "resource": "https://mcp.tools.example/mcp",
}
CLIENT_DOCUMENT = "https://desk.corp.example/client.json"
URN = "urn:ietf:params:oauth:"


@dataclass
class Page:
    """How one request is answered."""

    json: dict[str, Any] | None = None
    status: int = 200
    headers: dict[str, str | None] = field(default_factory=dict)
    body: bytes | None = None
    script: Callable[[asyncio.StreamWriter, asyncio.Event], Awaitable[None]] | None = None
    """Writes the answer itself; the event is set when the world ends."""
    encoding: str = "utf-8"
    repeated: int = 0
    """Spaces before the body."""
    cut: int = 0
    """Bytes that the body lacks at its end."""
    takes: float = 0
    """Seconds that it takes, by the clock of the world."""
    promised: int = 0
    """Bytes that are announced and never come."""

    def raw(self, clock: float) -> bytes:
        text = b"" if self.json is None else json.dumps(self.json).encode(self.encoding)
        body = b" " * self.repeated + (self.body if self.body is not None else text)
        body = body[: len(body) - self.cut]
        headers = {"Date": formatdate(clock, usegmt=True), "Content-Type": "application/json", **self.headers}
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        length = f"Content-Length: {len(body) + self.promised}"
        head = "\r\n".join((f"HTTP/1.1 {self.status} X", length, "Connection: close", *lines))
        return head.encode() + b"\r\n\r\n" + body


def setup_of(names: dict[str, str]) -> dict[str, Any]:
    """What the doctor is told."""
    return {
        "identity_provider": names["idp"],
        "grant_issuer": names["issuer"],
        "authorization_server": names["server"],
        "resource": names["resource"],
        "scopes": ["tickets:read"],
        "client": {
            "at_identity_provider": "desk-sso",
            "at_grant_issuer": "desk-agent",
            "at_authorization_server": "cli_desk",
        },
        "accepts": {},
    }


def places(names: dict[str, str]) -> dict[str, str]:
    """Which page is at which address."""
    oauth, openid = "oauth-authorization-server", "openid-configuration"
    idp, issuer, server, resource = (names[party].rstrip("/") for party in ("idp", "issuer", "server", "resource"))
    protected = "/.well-known/oauth-protected-resource"
    found = {
        _inserted(idp, oauth): "idp.oauth",
        f"{idp}/.well-known/{openid}": "idp.metadata",
        f"{idp}/keys": "idp.jwks",
        f"{issuer}/.well-known/{openid}": "issuer.openid",
        _inserted(issuer, oauth): "issuer.metadata",
        f"{issuer}/jwks.json": "issuer.jwks",
        f"{issuer}/token": "issuer.token",
        f"{issuer}/token2": "issuer.token",
        f"{server}/.well-known/{oauth}": "server.appended",
        f"{server}/.well-known/{openid}": "server.openid",
        _inserted(server, oauth): "server.metadata",
        f"{server}/jwks.json": "server.jwks",
        f"{server}/token": "server.token",
        f"{server}/revoke": "server.revoke",
        f"{idp}/as/token": "server.token",
        resource: "resource.called",
        f"{names['resource']}": "resource.called",
        f"{resource}{protected}": "resource.appended",
        f"{_origin(resource)}{protected}": "resource.root",
        _inserted(resource, "oauth-protected-resource"): "resource.metadata",
        "https://keys.vendor.example/keys": "idp.jwks",
        CLIENT_DOCUMENT: "client.document",
    }
    return {address if urlsplit(address).path else address + "/": page for address, page in found.items()}


def sites(names: dict[str, str]) -> dict[str, str]:
    """Whose host is which."""
    return {urlsplit(name).netloc: site for site, name in names.items()}


def pages(names: dict[str, str]) -> dict[str, Page]:
    """Everything that is answered."""
    fresh: dict[str, str | None] = {"Cache-Control": "max-age=300"}
    prm = {
        "resource": names["resource"],
        "authorization_servers": [names["server"]],
        "scopes_supported": ["tickets:read", "tickets:write"],
        "bearer_methods_supported": ["header"],
    }
    challenge = f'Bearer resource_metadata="{_inserted(names["resource"], "oauth-protected-resource")}"'
    refused: dict[str, str | None] = {"WWW-Authenticate": challenge}
    no_client = Page({"error": "invalid_client"}, 401, {"Cache-Control": "no-store"})
    server = _server(names["server"])
    found = {
        "idp.metadata": Page(_provider(names["idp"]), headers=fresh),
        "idp.oauth": Page({}, 404),
        "idp.jwks": Page({"keys": [KEYS["idp"]]}, headers=fresh),
        "issuer.metadata": Page(_issuer(names["issuer"]), headers=fresh),
        "issuer.openid": Page(_issuer(names["issuer"]), 404, fresh),
        "issuer.jwks": Page({"keys": [KEYS["issuer"]]}, headers=fresh),
        "issuer.token": no_client,
        "server.metadata": Page(server, headers=fresh),
        "server.openid": Page(server, 404, fresh),
        "server.appended": Page(server, 404, fresh),
        "server.jwks": Page({"keys": [KEYS["server"]]}, headers=fresh),
        "server.token": no_client,
        "resource.metadata": Page(prm, headers=fresh),
        "resource.root": Page(prm, headers=fresh),
        "resource.appended": Page(prm, 404, fresh),
        "resource.called": Page({}, 401, refused),
        "resource.called-with-token": Page({}, 401, {"WWW-Authenticate": f'{challenge}, error="invalid_token"'}),
        "client.document": Page(_client(), headers=fresh),
    }
    # No page shares a document with another: a change of one is a change of that one.
    return {name: copy.deepcopy(page) for name, page in found.items()}


def filled(value: Any, names: dict[str, str] = NAMES) -> Any:
    """The same with the identifiers put in for their names."""
    if isinstance(value, dict):
        return {key: filled(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, names) for item in value]
    if isinstance(value, str):
        for name, identifier in names.items():
            value = value.replace(f"{{{name}}}", identifier)
    return value


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _inserted(address: str, kind: str) -> str:
    return f"{_origin(address)}/.well-known/{kind}{urlsplit(address).path}"


def _provider(name: str) -> dict[str, Any]:
    base = name.rstrip("/")
    return {
        "issuer": name,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "jwks_uri": f"{base}/keys",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def _issuer(name: str) -> dict[str, Any]:
    return {
        **_authority(name),
        "grant_types_supported": [URN + "grant-type:token-exchange"],
        "identity_chaining_requested_token_types_supported": [URN + "token-type:id-jag"],
    }


def _server(base: str) -> dict[str, Any]:
    return {
        **_authority(base),
        "grant_types_supported": [URN + "grant-type:jwt-bearer"],
        "authorization_grant_profiles_supported": [URN + "grant-profile:id-jag"],
        "introspection_endpoint": f"{base}/introspect",
        "revocation_endpoint": f"{base}/revoke",
        "scopes_supported": ["tickets:read", "tickets:write", "wiki:read"],
    }


def _authority(base: str) -> dict[str, Any]:
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "jwks_uri": f"{base}/jwks.json",
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "RS256"],
    }


def _client() -> dict[str, Any]:
    key: SigningKey = signing_key("ES256", "client-1")
    return {
        "client_id": CLIENT_DOCUMENT,
        "client_name": "Desk",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "jwks": {"keys": [key.jwk]},
    }
