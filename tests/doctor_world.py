"""Test support: four parties on loopback, healthy at first, in which everything can be changed.

They have names, as real ones do; the connector finds their ports. Each page is answered
as it stands when it is asked for.
"""

from __future__ import annotations

import asyncio
import copy
import json
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import yaml

import organisation as org
from grantd_server.doctor.examine import Examination, examine
from grantd_server.doctor.setup_file import read_setup
from grantd_server.governance.compiling.compile import compile_document
from grantd_server.governance.document import canonical
from grantd_server.keys.foreign.addresses import LOOPBACK
from grantd_server.keys.foreign.fetch import Fetcher
from tokens import SigningKey, signing_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from grantd_server.governance.snapshot import Snapshot

HERE = Path(__file__).parent

NAMES = {
    "idp": "https://login.corp.example",
    "issuer": "https://grants.corp.example/corp",
    "server": "https://as.tools.example/as",
    "resource": "https://mcp.tools.example/mcp",
}
CLIENT_DOCUMENT = "https://desk.corp.example/client.json"
URN = "urn:ietf:params:oauth:"
SHORT_RSA = (
    "z6LBC4bDGsZ7R3iCKm0wWmIDQKLvDyZhmrtbr6wVrcvgyoLEWbTMXyqUXaKeYXp1n33jMmqOBgsx1WSWA5mxXmlHnbGjzlCnvTSbQ5Ar"
    "qqDRTmVeUr1rqoBxm1hJ7d6lD1NOnEPa3MCwB4xc4Hy2wQw0X7PZ5Y0g7bK3oQY2hqk"
)


def _keys() -> dict[str, dict[str, Any]]:
    """Keys by the names that the list of faults has for them."""
    issuer, server = signing_key("ES256", "issuer-1"), signing_key("ES256", "server-1")
    idp, other = signing_key("RS256", "idp-1"), signing_key("ES256", "issuer-2")
    other_rsa = signing_key("RS256", "idp-2")
    return {
        "idp": idp.jwk,
        "issuer": issuer.jwk,
        "server": server.jwk,
        "other-rsa": other_rsa.jwk,
        "edwards": signing_key("EdDSA", "edwards").jwk,
        "issuer-again": {**other.jwk, "kid": "issuer-1"},
        "nameless": {name: value for name, value in other.jwk.items() if name != "kid"},
        "private": {**other.jwk, "kid": "private", "d": "AAAA"},
        "symmetric": {"kty": "oct", "kid": "shared", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "alg": "HS256"},
        "short": {"kty": "RSA", "kid": "short", "alg": "RS256", "use": "sig", "e": "AQAB", "n": SHORT_RSA},
        "misfit": {**other.jwk, "kid": "misfit", "alg": "RS256"},
        "encryption": {**other.jwk, "kid": "encryption", "use": "enc"},
        "broken": {**other.jwk, "kid": "broken", "x": "AAAA"},
    }


KEYS = _keys()


@dataclass
class Page:
    """How one request is answered."""

    json: dict[str, Any] | None = None
    status: int = 200
    headers: dict[str, str | None] = field(default_factory=dict)
    body: bytes | None = None
    script: Callable[[asyncio.StreamWriter, asyncio.Event], Awaitable[None]] | None = None
    """Writes the answer itself; the event is set when the world ends."""

    def raw(self, clock: float) -> bytes:
        body = self.body if self.body is not None else b"" if self.json is None else json.dumps(self.json).encode()
        headers = {"Date": formatdate(clock, usegmt=True), "Content-Type": "application/json", **self.headers}
        lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
        head = "\r\n".join((f"HTTP/1.1 {self.status} X", f"Content-Length: {len(body)}", "Connection: close", *lines))
        return head.encode() + b"\r\n\r\n" + body


@dataclass
class World:
    """The pages, and how they are asked for."""

    pages: dict[str, Page]
    clocks: dict[str, float] = field(default_factory=dict)
    port: int = 0
    asked: list[str] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    setup: dict[str, Any] = field(default_factory=dict)
    walk: Any = None
    """Answers the legs (doctor_walk.Walk); without one, nobody gets anything."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    serving: set[asyncio.Task[Any]] = field(default_factory=set)

    def plant(self, fault: dict[str, Any]) -> None:
        """Changes the world as a row of the list says."""
        for name, change in filled(fault.get("plant", {})).items():
            if name.endswith(".site"):
                self.clocks[name.partition(".")[0]] = change["clock"]
                continue
            page = self.pages[name]
            page.status = change.get("status", page.status)
            page.headers.update(change.get("headers", {}))
            if "json" in change:
                assert page.json is not None
                page.json.update(change["json"])
                page.json = {member: value for member, value in page.json.items() if value is not None}
            if "keys" in change:
                page.json = {"keys": [KEYS[key] for key in change["keys"]]}
            if "body" in change:
                page.body = change["body"].encode()
        for member, value in filled(fault.get("asked", {})).items():
            self.setup[member] = {**self.setup[member], **value} if isinstance(value, dict) else value

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.serving.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            method, path, _ = lines[0].split(" ", 2)
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.requests.append(head + body)
            name = _page(method, headers["host"], path, token="authorization" in headers)
            self.asked.append(name or f"{method} {headers['host']}{path}")
            page = self.walk.answer(name, headers, body) if self.walk is not None else None
            page = page or self.pages.get(name, Page({"error": "none"}, 404))
            if page.script is not None:
                await page.script(writer, self.over)
                return
            writer.write(page.raw(time.time() + self.clocks.get(_SITES.get(headers["host"], ""), 0)))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self.serving.discard(task)
            writer.close()

    def fetcher(self, **options: Any) -> Fetcher:
        """A fetcher that finds the parties by their names; some other names lead nowhere."""

        async def resolve(host: str, _port: int) -> list[str]:
            if host == "gone.corp.example":
                raise OSError(host)
            return ["10.0.0.7" if host == "inside.corp.example" else "127.0.0.1"]

        # Time is tried where it is the question; a busy machine needs its own.
        options.setdefault("seconds", 30)
        return Fetcher(resolve=resolve, own_networks=LOOPBACK, connector=_Gate(self.port), **options)

    async def examined(self, *, bundle: dict[str, Any] | None = None, **options: Any) -> Examination:
        """What the doctor finds; with `bundle`, also compared with the company's bundle so changed."""
        declared = None if bundle is None else self.declared(bundle)
        fetcher = self.fetcher(**options)
        try:
            setup = read_setup(yaml.safe_dump(self.setup).encode(), "setup.yaml")
            probe = None if self.walk is None else self.walk.probe()
            return await examine(setup, fetcher, time.time, declared, probe)
        finally:
            await fetcher.aclose()

    def declared(self, changes: dict[str, Any]) -> Snapshot:
        """The company's bundle for this set-up, with some values changed by their paths."""
        document = _bundle()
        for path, value in filled(changes).items():
            *above, last = path.split(".")
            place = document
            for step in above:
                place = place[step]
            place[last] = value
            if value is None:
                del place[last]
            elif isinstance(value, dict) and "jwks" in value:
                place[last] = {"jwks": {"keys": [KEYS[key] for key in value["jwks"]["keys"]]}}
        return snapshot_of(document)


class _Gate(httpx2.AsyncBaseTransport):
    """Takes every request to the one port at which the parties are served."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._transport = httpx2.AsyncHTTPTransport(trust_env=False, limits=httpx2.Limits(max_keepalive_connections=0))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        assert request.url.scheme == "https"
        request.url = request.url.copy_with(scheme="http", port=self._port)
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


@asynccontextmanager
async def world(*faults: dict[str, Any]) -> AsyncIterator[World]:
    """The healthy set-up, with some faults planted."""
    here = World(_pages(), setup=_setup())
    for fault in faults:
        here.plant(fault)
    async with await asyncio.start_server(here.serve, "127.0.0.1", 0) as server:
        here.port = server.sockets[0].getsockname()[1]
        yield here
        here.over.set()
        await asyncio.gather(*here.serving)


def faults(name: str = "doctor_faults") -> list[dict[str, Any]]:
    """A list, as it was written down."""
    found = yaml.safe_load((HERE / f"{name}.yaml").read_text())
    assert isinstance(found, list)
    return found


def _setup() -> dict[str, Any]:
    return {
        "identity_provider": NAMES["idp"],
        "grant_issuer": NAMES["issuer"],
        "authorization_server": NAMES["server"],
        "resource": NAMES["resource"],
        "scopes": ["tickets:read"],
        "client": {
            "at_identity_provider": "desk-sso",
            "at_grant_issuer": "desk-agent",
            "at_authorization_server": "cli_desk",
        },
        "accepts": {},
    }


_PATHS = {
    ("login.corp.example", "/.well-known/openid-configuration"): "idp.metadata",
    ("login.corp.example", "/.well-known/oauth-authorization-server"): "idp.oauth",
    ("login.corp.example", "/keys"): "idp.jwks",
    ("grants.corp.example", "/.well-known/oauth-authorization-server/corp"): "issuer.metadata",
    ("grants.corp.example", "/corp/.well-known/openid-configuration"): "issuer.openid",
    ("grants.corp.example", "/corp/jwks.json"): "issuer.jwks",
    ("grants.corp.example", "/corp/token"): "issuer.token",
    ("as.tools.example", "/.well-known/oauth-authorization-server/as"): "server.metadata",
    ("as.tools.example", "/as/.well-known/openid-configuration"): "server.openid",
    ("as.tools.example", "/as/jwks.json"): "server.jwks",
    ("as.tools.example", "/as/token"): "server.token",
    ("as.tools.example", "/as/revoke"): "server.revoke",
    ("login.corp.example", "/as/token"): "server.token",
    ("grants.corp.example", "/corp/token2"): "issuer.token",
    ("mcp.tools.example", "/.well-known/oauth-protected-resource/mcp"): "resource.metadata",
    ("mcp.tools.example", "/.well-known/oauth-protected-resource"): "resource.root",
    ("mcp.tools.example", "/mcp"): "resource.called",
    ("desk.corp.example", "/client.json"): "client.document",
}


_SITES = {NAMES[site].split("/")[2]: site for site in NAMES}


def _page(method: str, host: str, path: str, *, token: bool) -> str:
    name = _PATHS.get((host, path), "")
    if name.endswith((".token", ".called")) and method != "POST":
        return ""
    return "resource.called-with-token" if name == "resource.called" and token else name


def _pages() -> dict[str, Page]:
    fresh: dict[str, str | None] = {"Cache-Control": "max-age=300"}
    prm = {
        "resource": NAMES["resource"],
        "authorization_servers": [NAMES["server"]],
        "scopes_supported": ["tickets:read", "tickets:write"],
        "bearer_methods_supported": ["header"],
    }
    challenge = 'Bearer resource_metadata="https://mcp.tools.example/.well-known/oauth-protected-resource/mcp"'
    refused: dict[str, str | None] = {"WWW-Authenticate": challenge}
    no_client = Page({"error": "invalid_client"}, 401, {"Cache-Control": "no-store"})
    pages = {
        "idp.metadata": Page(_provider(), headers=fresh),
        "idp.oauth": Page({}, 404),
        "idp.jwks": Page({"keys": [KEYS["idp"]]}, headers=fresh),
        "issuer.metadata": Page(_issuer(), headers=fresh),
        "issuer.openid": Page(_issuer(), 404, fresh),
        "issuer.jwks": Page({"keys": [KEYS["issuer"]]}, headers=fresh),
        "issuer.token": no_client,
        "server.metadata": Page(_server(), headers=fresh),
        "server.openid": Page(_server(), 404, fresh),
        "server.jwks": Page({"keys": [KEYS["server"]]}, headers=fresh),
        "server.token": no_client,
        "resource.metadata": Page(prm, headers=fresh),
        "resource.root": Page(prm, headers=fresh),
        "resource.called": Page({}, 401, refused),
        "resource.called-with-token": Page({}, 401, {"WWW-Authenticate": f'{challenge}, error="invalid_token"'}),
        "client.document": Page(_client(), headers=fresh),
    }
    # No page shares a document with another: a change of one is a change of that one.
    return {name: copy.deepcopy(page) for name, page in pages.items()}


def _bundle() -> dict[str, Any]:
    """The company of the other tests, with the identifiers of this world."""
    document = org.bundle()
    document["identity_providers"]["corp"] |= {"issuer": NAMES["idp"], "keys": {"discovery": True}}
    document["grant_issuers"]["grants"]["issuer"] = NAMES["issuer"]
    document["authorization_servers"]["tools"]["issuer"] = NAMES["server"]
    document["resources"]["tickets"]["uri"] = NAMES["resource"]
    return document


def snapshot_of(document: dict[str, Any]) -> Snapshot:
    """The document as a service compiles it."""
    return compile_document(canonical(document), _no_secret, epoch=1, fingerprint_key=bytes(32))


def _no_secret(_reference: object) -> bytes:
    raise AssertionError("the bundle refers to no secret")


def _provider() -> dict[str, Any]:
    base = NAMES["idp"]
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "jwks_uri": f"{base}/keys",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }


def _issuer() -> dict[str, Any]:
    return {
        **_authority(NAMES["issuer"]),
        "grant_types_supported": [URN + "grant-type:token-exchange"],
        "identity_chaining_requested_token_types_supported": [URN + "token-type:id-jag"],
    }


def _server() -> dict[str, Any]:
    base = NAMES["server"]
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


def filled(value: Any) -> Any:
    """The same with the identifiers put in for their names."""
    if isinstance(value, dict):
        return {key: filled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item) for item in value]
    if isinstance(value, str):
        for name, identifier in NAMES.items():
            value = value.replace(f"{{{name}}}", identifier)
    return value
