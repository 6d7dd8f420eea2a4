"""HTTP to an issuer, bounded: no redirects, no proxy, capped in bytes and in time.

Plain http is for loopback only: whoever sits on the way could hand us their keys.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from grantd import strict
from grantd.errors import Unavailable
from grantd.extras import needs

with needs("verify"):
    import httpx2

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS = 5.0
"""For one request from connect to the last byte."""
LIMIT = 512 * 1024
"""Bytes of an answer."""


def client() -> httpx2.AsyncClient:
    """A client that a proxy setting or a redirect cannot lead elsewhere."""
    return httpx2.AsyncClient(trust_env=False, follow_redirects=False, timeout=SECONDS)


def check_url(url: str) -> str:
    """Returns the URL if it may be asked.

    Raises:
        ValueError: neither https nor loopback, or with user info or fragment.
    """
    parts = urlsplit(url)
    if parts.username is not None or parts.fragment or not parts.hostname:
        raise ValueError(f"not a plain URL: {url!r}")
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname)):
        return url
    raise ValueError(f"neither https nor loopback: {url!r}")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def send(
    http: httpx2.AsyncClient, request: httpx2.Request, auth: httpx2.Auth | None = None
) -> tuple[int, Mapping[str, str], dict[str, Any] | None]:
    """Sends a request; returns status, headers and the JSON object of the body, if it is one.

    Raises:
        Unavailable: no complete answer within the bounds.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS):
            answer = await http.send(request, stream=True, auth=httpx2.USE_CLIENT_DEFAULT if auth is None else auth)
            try:
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > LIMIT:
                        raise Unavailable("UNAVAILABLE", description=f"{request.url.host} sent too long an answer")
            finally:
                await answer.aclose()
    except (httpx2.HTTPError, TimeoutError) as fault:
        # The text of the library's errors may repeat parts of the request.
        what = type(fault).__name__
        raise Unavailable("UNAVAILABLE", description=f"no answer from {request.url.host}: {what}") from None
    try:
        return answer.status_code, answer.headers, strict.read_object(bytes(body), "answer")
    except strict.Fault:
        return answer.status_code, answer.headers, None


def basic(client_id: str, secret: str) -> str:
    """An HTTP Basic header with both halves form-encoded first (RFC 6749 section 2.3.1)."""
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
