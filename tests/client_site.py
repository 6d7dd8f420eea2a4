"""Test support: a client that publishes its metadata on an HTTPS server of its own.

The server is on loopback. Its name resolves to a public address, and the connection
that would go there is taken to the server, so that every check of the address counts.
"""

from __future__ import annotations

import json
import ssl
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import httpx2

import organisation as org
from certificates import Authority
from grantd_server.keys.foreign.client_documents import ClientDocuments
from grantd_server.keys.foreign.fetch import Fetcher, connector_by_system
from key_server import KeyServer, answer, key_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

HOST = "agent.example"
PATH = "/oauth/client.json"
URL = f"https://{HOST}{PATH}"
KEYS_PATH = "/oauth/keys.json"
PUBLIC = "93.184.216.34"
JSON = "Content-Type: application/json"
ALGS = frozenset({"ES256"})


def metadata(**changed: Any) -> dict[str, Any]:
    """An honest document, with changes; `None` leaves a member out."""
    members = {
        "client_id": URL,
        "client_name": "Agent",
        "redirect_uris": [f"https://{HOST}/callback"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": org.jwks_of(org.ROBOT_KEY),
        **changed,
    }
    return {name: value for name, value in members.items() if value is not None}


def registered(*places: str, algorithms: tuple[str, ...] = ("ES256",)) -> dict[str, Any]:
    """The test company's bundle with the robot known by its document at these places."""
    document = org.bundle()
    for place in places:
        at = document["clients"]["robot"]["at"][place]
        at["client_id"] = URL
        at["authentication"] = [{"metadata_document": {"algorithms": list(algorithms)}}]
    return document


@dataclass
class Address:
    """What the name of the site resolves to, answer by answer; the last one for ever."""

    answers: list[Sequence[str]] = field(default_factory=lambda: [[PUBLIC]])
    asked: list[str] = field(default_factory=list)

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


class ToSite(httpx2.AsyncBaseTransport):
    """Takes connections to the public address to the site, and notes every address."""

    def __init__(self, port: int, tls: ssl.SSLContext) -> None:
        self.port, self.inner = port, connector_by_system(tls)
        self.addresses: list[str] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.addresses.append(request.url.host)
        request.url = request.url.copy_with(host="127.0.0.1", port=self.port)
        return await self.inner.handle_async_request(request)


@dataclass
class Site:
    """The client's site and what a service keeps of it."""

    server: KeyServer
    connector: ToSite
    address: Address
    documents: ClientDocuments

    @property
    def fetches(self) -> int:
        """How often the document was fetched."""
        return self.server.paths[PATH]

    def publish(self, *headers: str, **changed: Any) -> None:
        """Publishes the honest document with changes."""
        self.serve(json.dumps(metadata(**changed)), *headers)

    def serve(self, body: str | bytes, *headers: str, status: str = "200 OK", media: str = JSON) -> None:
        self.server.scripts[PATH] = answer(body, media, *headers, status=status)

    def serve_keys(self, *keys: Any) -> None:
        self.server.scripts[KEYS_PATH] = answer(json.dumps(org.jwks_of(*keys)), JSON)


@asynccontextmanager
async def client_site(clock: Callable[[], float] = time.monotonic, **options: Any) -> AsyncIterator[Site]:
    authority = Authority()
    leaf = authority.leaf(dns=(HOST,))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with NamedTemporaryFile() as file:
        file.write(leaf.certificate + leaf.key)
        file.flush()
        tls.load_cert_chain(file.name)
    trust = ssl.create_default_context(cadata=authority.certificate.decode())
    async with key_server(tls) as server:
        connector, address = ToSite(server.port, trust), Address()
        fetcher = Fetcher(resolve=address.resolve, connector=connector, seconds=options.pop("seconds", 3.0))
        site = Site(server, connector, address, ClientDocuments(fetcher, clock, **options))
        site.publish()
        yield site
        await site.documents.aclose()
