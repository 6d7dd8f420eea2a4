"""Several issuers at one resource server, each with its own keys and its own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd.extras import needs
from grantd.strict import Fault
from grantd.verifiers.tokens import LONGEST_TOKEN, TokenRefused, VerifiedToken

with needs("verify"):
    from grantd import jws

if TYPE_CHECKING:
    from grantd.verifiers.access_token import AccessTokenVerifier


class IssuersVerifier:
    """Accepts what one of its verifiers accepts, the one of the token's own issuer.

    A subject is somebody within an issuer only: `VerifiedToken.principal` tells apart the
    same `sub` of two of them.
    """

    def __init__(self, *verifiers: AccessTokenVerifier) -> None:
        """Raises ValueError without verifiers, or for two of one issuer."""
        self._verifiers = {verifier.issuer: verifier for verifier in verifiers}
        if not verifiers or len(self._verifiers) != len(verifiers):
            raise ValueError("one verifier for each issuer")

    async def verify(self, raw_token: str, *, jkt: str | None = None) -> VerifiedToken:
        """The unverified `iss` chooses among what was declared, and proves nothing: the
        verifier compares it again, under a signature by that issuer's own keys.

        Raises:
            TokenRefused: a check failed, or the issuer is a stranger, who is asked nothing.
            grantd.errors.Unavailable: the issuer's keys cannot be had.
        """
        try:
            unverified_iss = jws.read(raw_token, limit=LONGEST_TOKEN).unverified_claims.get("iss")
        except Fault as fault:
            raise TokenRefused(fault.check) from fault
        verifier = self._verifiers.get(unverified_iss) if isinstance(unverified_iss, str) else None
        if verifier is None:
            raise TokenRefused("claim:iss")
        return await verifier.verify(raw_token, jkt=jkt)

    async def close(self) -> None:
        """Closes the connections to all issuers."""
        for verifier in self._verifiers.values():
            await verifier.close()
