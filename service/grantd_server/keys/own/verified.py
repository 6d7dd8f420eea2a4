"""Access tokens of ours whose signature was verified before: claims, never answers.

A hit saves one signature check and nothing else: expiry, revocation, the asker and
the resource are checked on every call.
"""

from __future__ import annotations

import hashlib
from itertools import islice
from typing import TYPE_CHECKING

from grantd import jws
from grantd_server.keys.own.purpose import Purpose

if TYPE_CHECKING:
    from grantd.jws import Claims
    from grantd_server.keys.own.ring import KeyRing

ALGORITHMS = frozenset({"ES256", "RS256", "EdDSA"})
"""What our keys may sign with; each key has exactly one."""

MOST = 20_000
"""Tokens held; some 2 KiB each. The oldest goes first."""
_AT_ONCE = 2
"""Tokens that are out of time and go when one comes: more than come, so that the memory
is as large as what is in use, and no call pays for a hundred."""


class VerifiedTokens:
    """A bounded memory of positive verifications, emptied when a key set changes."""

    def __init__(self, ring: KeyRing, most: int = MOST) -> None:
        self._ring = ring
        self._most = most
        self._generation = ring.generation
        self._claims: dict[tuple[str, bytes], Claims] = {}

    def read(self, issuer: str, raw: str, now: float) -> Claims:
        """The claims of an access token of `issuer`, in time or not. Raises Fault when it is none."""
        if not raw.isascii():
            raise jws.Fault("characters", "ASCII", "others")
        if self._generation != self._ring.generation:
            self._claims.clear()
            self._generation = self._ring.generation
        # The hash is over the very bytes, so that another spelling is another token.
        key = (issuer, hashlib.sha256(raw.encode()).digest())
        known = self._claims.get(key)
        if known is not None:
            return known
        claims = jws.verify(
            jws.read(raw), self._ring.keyset(issuer, Purpose.ACCESS_TOKEN), ALGORITHMS, jws.ACCESS_TOKEN
        )
        self._make_room(now)
        self._claims[key] = claims
        return claims

    def _make_room(self, now: float) -> None:
        if len(self._claims) >= self._most:
            del self._claims[next(iter(self._claims))]
        for key, claims in list(islice(self._claims.items(), _AT_ONCE)):
            if not _out_of_time(claims, now):
                return
            del self._claims[key]


def _out_of_time(claims: Claims, now: float) -> bool:
    exp = claims.get("exp")
    return isinstance(exp, int | float) and exp < now
