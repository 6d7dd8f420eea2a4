"""How one request is refused: status, challenges, and what the body says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_POLICY_VIOLATION = 1008
_RETRY_SECONDS = b"5"


class Refusal(Exception):
    """A request that does not reach the application."""

    def __init__(
        self,
        status: int,
        error: str | None,
        *,
        check: str = "",
        challenges: tuple[str, ...] = (),
        nonce: str | None = None,
    ) -> None:
        """`check` is what failed, for the log; `challenges` are those of all schemes that
        would be accepted; `nonce` is one that the next DPoP proof must carry."""
        super().__init__(error)
        self.status = status
        self.error = error
        self.check = check
        self.challenges = challenges
        self.nonce = nonce

    async def answer(self, scope: MutableMapping[str, Any], send: Send) -> None:
        """Sends it."""
        if scope["type"] == "websocket":
            # Before it is accepted a websocket is refused as HTTP 403, without headers.
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        headers += [(b"www-authenticate", challenge.encode()) for challenge in self.challenges]
        if self.nonce is not None:
            headers.append((b"dpop-nonce", self.nonce.encode()))
        if self.status == 503:
            headers.append((b"retry-after", _RETRY_SECONDS))
        body = json.dumps({"error": self.error}).encode() if self.error else b"{}"
        await respond(send, self.status, body, headers, only_head=scope["method"] == "HEAD")


async def respond(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]], *, only_head: bool = False
) -> None:
    """Sends a whole answer; to HEAD the same without its body."""
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if only_head else body})
