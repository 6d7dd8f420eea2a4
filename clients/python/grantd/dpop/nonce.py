"""DPoP nonces without memory (RFC 9449 sections 8 and 9): a time and an HMAC over it.

Every process with the key accepts what any of them gave out, also after a restart. The
context keeps those of an authorization server and of a resource server apart.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from grantd import strict

LIFE: Final = 300
"""Seconds a nonce is accepted; a fresh one is handed out long before."""
RENEWAL: Final = 60
"""Seconds between two nonces."""
_FEWEST_BYTES: Final = 32


class Nonces:
    """The nonces of one server. `now` is an argument everywhere."""

    def __init__(self, key: bytes, context: str) -> None:
        """`context` names the server that gives them out. ValueError on a short key."""
        if len(key) < _FEWEST_BYTES:
            raise ValueError(f"a key of {_FEWEST_BYTES} bytes is the shortest")
        self._key = key
        self._context = context.encode()

    def __repr__(self) -> str:
        return f"Nonces({self._context.decode()!r})"

    def current(self, now: float) -> str:
        """The nonce to hand out now: the same for a while, so that calls side by side
        do not take each other's away."""
        return self._nonce(int(now) // RENEWAL)

    def accepts(self, nonce: str, now: float) -> bool:
        """True for one of ours that is neither too old nor of the future."""
        latest = int(now) // RENEWAL
        # One step ahead: a replica whose clock is a little fast gave it out.
        steps = range(latest + 1, latest - LIFE // RENEWAL, -1)
        raw = nonce.encode("utf-8", "replace")
        return any(hmac.compare_digest(raw, self._nonce(step).encode()) for step in steps)

    def _nonce(self, step: int) -> str:
        mac = hmac.new(self._key, self._context + b"\0" + step.to_bytes(8, "big"), hashlib.sha256)
        return strict.encode(mac.digest()[:18]).decode()
