"""What a verifier says of a token: `VerifiedToken`, or one of two exceptions.

`TokenRefused` means the token is no good here (401). `grantd.errors.GrantdError` means
that nobody could tell (503): unknown is never yes, and never a reason to sign in again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_TOKEN = 16384
"""Characters; checked before anything is parsed, hashed or sent."""


class TokenRefused(Exception):
    """The token may not be used here. `check` names the check, for the log; the bearer
    is told `invalid_token` and no more."""

    def __init__(self, check: str) -> None:
        super().__init__(check)
        self.check = check


class ProofRefused(Exception):
    """The DPoP proof beside a token does not hold. `check` names the check, for the log."""

    def __init__(self, check: str) -> None:
        super().__init__(check)
        self.check = check


class NonceNeeded(Exception):
    """The DPoP proof must carry the nonce of this server (RFC 9449 section 9)."""


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token that is genuine, in time and meant for this resource server.

    It does not hold the token itself: what is not there cannot be passed on (H-16).
    """

    issuer: str
    subject: str
    """Unique within the issuer."""
    client_id: str
    scopes: frozenset[str]
    resource: str
    """Our own identifier, as the token names it."""
    expires_at: int
    """Seconds since the epoch."""
    token_id: str | None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    auth_time: int | None = None
    jkt: str | None = None
    """Thumbprint of the DPoP key that the token is bound to, which its bearer holds."""
    claims: Mapping[str, object] = field(default_factory=dict, repr=False)

    @property
    def principal(self) -> tuple[str, str, str]:
        """Who calls, and by which client: what a session or a cache belongs to."""
        return self.issuer, self.subject, self.client_id


class Verifier(Protocol):
    """Decides about access tokens: by the issuer's keys, or by asking the issuer."""

    async def verify(self, raw_token: str, *, jkt: str | None = None) -> VerifiedToken:
        """`jkt` is the key that whoever shows the token was seen to hold, None for Bearer.

        Raises TokenRefused, or GrantdError when it cannot be told.
        """


def with_implied(scopes: frozenset[str], implied: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The scopes and all that they imply, however far (H-10): `admin` may imply
    `write`, which implies `read`."""
    reached: set[str] = set()
    pending = list(scopes)
    while pending:
        scope = pending.pop()
        if scope not in reached:
            reached.add(scope)
            pending.extend(implied.get(scope, ()))
    return frozenset(reached)
