"""GET of somebody else's document, bounded in time, size and destination.

A name is resolved once, every address is checked, and the connection goes to a
checked address: a second answer of the resolver (DNS rebinding) is never asked for.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, NamedTuple

import httpx2

from grantd_server.keys.foreign.addresses import LOOPBACK, Address, ForbiddenAddress, Network, is_loopback, permit
from grantd_server.keys.foreign.failures import (
    Compressed,
    FetchFailed,
    NotAsked,
    TooLarge,
    TooSlow,
    connection_failed,
)

BYTES: Final = 512 * 1024
"""Size of a document; the largest key sets of big providers have some 20 KiB."""
SECONDS: Final = 3.0
"""From resolving the name to the last byte."""
LONGEST_URL: Final = 2048

_HOST: Final = re.compile(rb"[0-9A-Za-z._-]+|[0-9A-Fa-f:.]+")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Name and port to addresses. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whatever was answered, within the bounds. Nothing of it is believed."""

    status: int
    headers: httpx2.Headers = field(repr=False)
    body: bytes = field(repr=False)
    certificate_ends: float | None = None
    """When the certificate of the host does, in seconds; None over http."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document and for how many seconds its server calls it fresh."""

    body: bytes
    max_age: float | None
    media_type: str = ""
    """Of `Content-Type`, in lower case and without parameters."""


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """Addresses by the resolver of the system, off the loop."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(sockaddr[0]) for *_, sockaddr in found]


class Fetcher:
    """Fetches over https; over http only from this machine, when development allows it.

    `connector` is the transport that opens the connection to the address in the
    request's URL; name and certificate are checked against `sni_hostname`.
    """

    def __init__(
        self,
        *,
        allow_loopback: bool = False,
        own_networks: Collection[Network] = (),
        resolve: Resolve = resolve_by_system,
        connector: httpx2.AsyncBaseTransport | None = None,
        seconds: float = SECONDS,
        limit: int = BYTES,
    ) -> None:
        self._loopback = allow_loopback
        self._own = (*own_networks, *(LOOPBACK if allow_loopback else ()))
        self._resolve = resolve
        self._connector = connector or connector_by_system()
        self._seconds = seconds
        self._limit = limit

    async def get(self, url: str, limit: int | None = None) -> Fetched:
        """The document at `url`, answered with 200; `limit` is for those that must be
        smaller than keys may be. Raises FetchFailed."""
        answer = await self.ask(url, limit=limit, wanted=200)
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        return Fetched(answer.body, _max_age(answer.headers), media_type)

    async def ask(
        self,
        url: str,
        method: str = "GET",
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        content: bytes = b"",
        limit: int | None = None,
        wanted: int | None = None,
    ) -> Answer:
        """The answer to one request, whatever its status is; any but `wanted` is not read
        where that is given. Raises FetchFailed."""
        try:
            async with asyncio.timeout(self._seconds):
                asked = _Asked(method, self._read_url(url), headers, content, limit or self._limit, wanted)
                return await self._ask(asked)
        except TimeoutError:
            raise TooSlow(f"no complete answer within {self._seconds:g} s") from None
        except ForbiddenAddress as fault:
            raise NotAsked(str(fault)) from None
        except (httpx2.HTTPError, httpx2.StreamError, OSError, UnicodeError) as fault:
            # The text of these may quote what the server sent.
            raise connection_failed(fault) from None

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._connector.aclose()

    def _read_url(self, text: str) -> httpx2.URL:
        try:
            url = httpx2.URL(text if len(text) <= LONGEST_URL else "")
        except httpx2.InvalidURL:
            raise NotAsked("the address is not a URL") from None
        if not _HOST.fullmatch(url.raw_host) or url.userinfo or url.fragment:
            raise NotAsked("the address needs a plain host and must have no user and no fragment")
        if url.scheme != "https" and not (url.scheme == "http" and self._loopback):
            raise NotAsked("the address is not https")
        if not 0 < _port(url) < 65536:
            raise NotAsked("the address has no such port")
        return url

    async def _ask(self, asked: _Asked) -> Answer:
        addresses = await self._addresses(asked.url)
        for address in addresses[:-1]:
            try:
                return await self._ask_at(address, asked)
            except httpx2.ConnectError:
                continue
        return await self._ask_at(addresses[-1], asked)

    async def _addresses(self, url: httpx2.URL) -> list[Address]:
        host = url.raw_host.decode("ascii")
        try:
            found: Sequence[str] = [str(ipaddress.ip_address(host))]
        except ValueError:
            found = await self._resolve(host, _port(url))
        # One forbidden address refuses the name: which of its answers a later
        # connection would get is not ours to choose.
        addresses = [permit(text, self._own) for text in dict.fromkeys(found)]
        if not addresses:
            raise FetchFailed("the name has no address")
        if url.scheme == "http" and not all(map(is_loopback, addresses)):
            raise NotAsked("http is for loopback addresses only")
        return addresses

    async def _ask_at(self, address: Address, asked: _Asked) -> Answer:
        # The transport is called directly: no client above it, hence no redirects, no
        # cookies, no proxy and no credentials from the environment.
        request = httpx2.Request(
            asked.method,
            asked.url.copy_with(host=str(address)),
            headers={
                "Host": asked.url.netloc.decode("ascii"),
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                **asked.headers,
            },
            content=asked.content or None,
            extensions={
                "sni_hostname": asked.url.raw_host.decode("ascii"),
                "timeout": {"connect": self._seconds / 2, "read": self._seconds, "write": self._seconds, "pool": None},
            },
        )
        response = await self._connector.handle_async_request(request)
        try:
            ends = _certificate_ends(response)
            body = await _read(response, asked.limit, asked.wanted)
            return Answer(response.status_code, response.headers, body, ends)
        finally:
            await response.aclose()


class _Asked(NamedTuple):
    """One request and the bounds of its answer."""

    method: str
    url: httpx2.URL
    headers: Mapping[str, str]
    content: bytes
    limit: int
    wanted: int | None


def connector_by_system(tls: ssl.SSLContext | None = None) -> httpx2.AsyncHTTPTransport:
    """A transport that trusts the system's certificate authorities, or those of `tls`."""
    # Connections are not kept: the pool knows them by address, and one that was opened
    # and authenticated for a name must not serve another name at the same address.
    return httpx2.AsyncHTTPTransport(
        verify=tls or ssl.create_default_context(),
        trust_env=False,
        limits=httpx2.Limits(max_connections=64, max_keepalive_connections=0),
    )


def _certificate_ends(response: httpx2.Response) -> float | None:
    stream = response.extensions.get("network_stream")
    tls = None if stream is None else stream.get_extra_info("ssl_object")
    peer = None if tls is None else tls.getpeercert()
    return ssl.cert_time_to_seconds(peer["notAfter"]) if peer else None


async def _read(response: httpx2.Response, limit: int, wanted: int | None) -> bytes:
    if wanted is not None and response.status_code != wanted:
        raise FetchFailed(f"the answer has status {response.status_code}")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Compressed("the answer is compressed, which was not asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            raise TooLarge(f"the answer has more than {limit} bytes")
    return bytes(body)


def _port(url: httpx2.URL) -> int:
    return {"https": 443, "http": 80}.get(url.scheme, 0) if url.port is None else url.port


def _max_age(headers: httpx2.Headers) -> float | None:
    """Freshness left by Cache-Control and Age (RFC 9111 section 4.2), seconds."""
    control = headers.get("cache-control", "").lower()
    if re.search(r"\bno-(?:store|cache)\b", control):
        return 0.0
    found = re.search(r"(?:^|[,\s])max-age\s*=\s*\"?([0-9]{1,9})", control)
    if found is None:
        return None
    age = re.fullmatch("[0-9]{1,9}", headers.get("age", ""))
    return float(found[1]) - (float(age[0]) if age else 0.0)
