"""One HTTP answer, as a value, and how it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Header = tuple[bytes, bytes]

NO_STORE: tuple[Header, ...] = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))
"""On everything that concerns one request (RFC 6749 section 5.1)."""
JSON: Header = (b"content-type", b"application/json")
_ALWAYS: Header = (b"x-content-type-options", b"nosniff")
_CLOSE: Header = (b"connection", b"close")


@dataclass(frozen=True, slots=True)
class Response:
    """Status, body and headers; the length is added when it is sent."""

    status: int
    body: bytes
    headers: tuple[Header, ...]


def json_response(status: int, value: dict[str, Any], *extra: Header) -> Response:
    """A JSON object that no cache may keep."""
    return Response(status, orjson.dumps(value), (JSON, *NO_STORE, *extra))


def text_response(status: int, text: str, *extra: Header) -> Response:
    """A few words for people and probes, where OAuth defines no body."""
    return Response(status, text.encode(), ((b"content-type", b"text/plain; charset=utf-8"), *NO_STORE, *extra))


async def send_response(
    send: Callable[[Any], Awaitable[None]], response: Response, *, head_only: bool, close: bool
) -> None:
    """Sends an answer. `close` ends the connection: what was not read of the request
    would otherwise be read on, without end, or taken for the next one."""
    headers = [*response.headers, _ALWAYS]
    if response.status != HTTPStatus.NOT_MODIFIED:
        # In a 304 it would be the length of what the reader has (RFC 9110 section 8.6).
        headers.append((b"content-length", str(len(response.body)).encode()))
    if close:
        headers.append(_CLOSE)
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head_only else response.body})
