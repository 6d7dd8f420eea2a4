"""Access tokens of grantd at a server on the official `mcp` SDK.

MCPServer(token_verifier=TokenVerifier(AccessTokenVerifier(...)), auth=AuthSettings(
    issuer_url=..., resource_server_url=..., validate_token_resource=True))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd.extras import needs
from grantd.resource_server.tokens import TokenRefused, VerifiedToken, Verifier, with_implied

with needs("mcp"):
    from mcp.server.auth.provider import AccessToken

if TYPE_CHECKING:
    from collections.abc import Mapping


def access_token(raw_token: str, verified: VerifiedToken, scopes: frozenset[str]) -> AccessToken:
    """The SDK's form of a verified token, which has to hold the token itself."""
    return AccessToken(
        token=raw_token,
        client_id=verified.client_id,
        scopes=sorted(scopes),
        expires_at=verified.expires_at,
        resource=verified.resource,
        subject=verified.subject,
        claims=dict(verified.claims),
    )


class TokenVerifier:
    """The SDK's `TokenVerifier`, over either verifier of this package."""

    def __init__(self, verifier: Verifier, *, implied: Mapping[str, frozenset[str]] | None = None) -> None:
        """`implied` says which scopes a broader one contains (H-10)."""
        self._verifier = verifier
        self._implied = implied or {}

    async def verify_token(self, token: str) -> AccessToken | None:
        """None for a token that is no good here, which the SDK answers with 401.

        Raises:
            grantd.errors.GrantdError: nobody could tell. The SDK answers 500; a 401
                would make the client throw away a token that may be good.
        """
        try:
            verified = await self._verifier.verify(token)
        except TokenRefused:
            return None
        return access_token(token, verified, with_implied(verified.scopes, self._implied))
