"""Reads the body of a form post within its limits of kind, size and time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from grantd.v1.authorization_pb2 import WIRE_FAULT_BODY_TOO_LARGE, WIRE_FAULT_BODY_TOO_SLOW, WIRE_FAULT_FORM
from grantd_server.shim.faults import Gone, WireRefused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from grantd_server.shim.limits import ShimLimits
    from grantd_server.shim.request.head import Head


class Body:
    """The body of one request; read at most once."""

    __slots__ = ("_head", "_receive", "read_to_end")

    def __init__(self, head: Head, receive: Callable[[], Awaitable[Any]]) -> None:
        self._head = head
        self._receive = receive
        self.read_to_end = not head.announces_body()

    async def read(self, limits: ShimLimits) -> bytes:
        """Reads the whole body.

        Raises:
            WireRefused: another content type, too large, or too slow.
            Gone: the client left.
        """
        require_form(self._head)
        length = self._head.first(b"content-length")
        if length is not None and length.isdigit() and (len(length) > 9 or int(length) > limits.body_bytes):
            raise WireRefused(WIRE_FAULT_BODY_TOO_LARGE)
        try:
            # One limit for the whole body: a byte a second must not hold the call.
            async with asyncio.timeout(limits.body_seconds):
                return await self._gather(limits.body_bytes)
        except TimeoutError:
            raise WireRefused(WIRE_FAULT_BODY_TOO_SLOW) from None

    async def _gather(self, most: int) -> bytes:
        raw = bytearray()
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            raw += message.get("body", b"")
            if len(raw) > most:
                raise WireRefused(WIRE_FAULT_BODY_TOO_LARGE)
            if not message.get("more_body", False):
                self.read_to_end = True
                return bytes(raw)


def require_form(head: Head) -> None:
    """Refuses every content type but a form in UTF-8 (F-02)."""
    values = head.all(b"content-type")
    if len(values) != 1:
        raise WireRefused(WIRE_FAULT_FORM, "Content-Type")
    media_type, *parameters = values[0].lower().split(b";")
    if media_type.strip() != b"application/x-www-form-urlencoded":
        raise WireRefused(WIRE_FAULT_FORM, "Content-Type")
    for parameter in parameters:
        name, _, value = parameter.strip().partition(b"=")
        if name == b"charset" and value.strip(b'"') not in {b"utf-8", b"utf8"}:
            raise WireRefused(WIRE_FAULT_FORM, "Content-Type")
