"""What a key of ours is for. One purpose per key: a signature made for one thing can
never be taken for another (RFC 8725 section 2.8)."""

from __future__ import annotations

from enum import Enum


class Purpose(Enum):
    """The purposes. A key file names one, and the key is refused for every other."""

    GRANT_SIGNING = "grant_signing"
    ACCESS_TOKEN = "access_token"
    CLIENT_ASSERTION = "client_assertion"
    CHECKPOINT = "checkpoint"
    PSEUDONYM = "pseudonym"
    PAIRWISE = "pairwise"
    ENVELOPE = "envelope"
    DPOP_NONCE = "dpop_nonce"

    @property
    def symmetric(self) -> bool:
        """True for secrets that are never published: they hash or wrap, they do not sign."""
        return self in {Purpose.PSEUDONYM, Purpose.PAIRWISE, Purpose.ENVELOPE, Purpose.DPOP_NONCE}

    @property
    def of_the_service(self) -> bool:
        """True where one key serves the whole service; its issuer is empty."""
        return self.symmetric or self is Purpose.CHECKPOINT


IN_ISSUER_JWKS = frozenset({Purpose.GRANT_SIGNING, Purpose.ACCESS_TOKEN})
"""Purposes whose public keys an issuer publishes."""
