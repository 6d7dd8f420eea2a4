"""What signs: awaitable, because a key may live in another process or device."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from grantd import jws

if TYPE_CHECKING:
    from grantd.jwk import PrivateKey


class SignerUnavailable(Exception):
    """There is no key to sign with, or it does not answer: a fault of ours, never the
    client's. The text names issuer and purpose only."""


class Signer(Protocol):
    """One signing key."""

    @property
    def kid(self) -> str:
        """Names the key in the header."""

    @property
    def alg(self) -> str:
        """The one algorithm of this key."""

    async def sign(self, data: bytes) -> bytes:
        """The raw JOSE signature of `data`. Raises SignerUnavailable."""


@dataclass(frozen=True, slots=True)
class FileSigner:
    """Signs with a key that was read from a file and is held in memory. ES256 and EdDSA
    cost less than handing the work to a thread would."""

    kid: str
    alg: str
    private: PrivateKey = field(repr=False)

    async def sign(self, data: bytes) -> bytes:
        return jws.sign_with(self.private, self.alg, data)
