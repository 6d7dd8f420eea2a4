"""Subjects by keyed hash: a record tells two people apart without naming either."""

from __future__ import annotations

import hmac

SHORTEST_KEY = 32
"""Bytes. A guessable key would let anyone who knows a user id find that user's records."""


class Pseudonyms:
    """Makes pseudonyms under one key of the purpose `pseudonyms`."""

    __slots__ = ("_key", "key_id")

    def __init__(self, key: bytes, key_id: str) -> None:
        if len(key) < SHORTEST_KEY:
            raise ValueError(f"a pseudonym key has {SHORTEST_KEY} bytes or more")
        self._key = key
        self.key_id = key_id

    def __repr__(self) -> str:
        return f"Pseudonyms(key_id={self.key_id!r})"

    def subject(self, iss_qualified: str) -> str:
        """Hashes an issuer-qualified subject: HMAC-SHA256, the first 128 bits, hex."""
        text = iss_qualified.encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, text, "sha256")[:16].hex()
