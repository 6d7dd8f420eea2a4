"""Access tokens at a server on `fastmcp`. All of it, DPoP and step-up too:

    app = protect(server.http_app(), AccessTokenVerifier(...), ProtectedResource(...))

`TokenVerifier` is for fastmcp's own middleware instead: FastMCP("tickets",
auth=RemoteAuthProvider(TokenVerifier(...), authorization_servers=[...], base_url=...)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd.extras import needs
from grantd.resource_server.extension import ENTERPRISE_MANAGED_AUTHORIZATION
from grantd.verifiers.tokens import TokenRefused, Verifier, with_implied

with needs("fastmcp"):
    from fastmcp.server import auth
    from fastmcp.server.extensions import ServerExtension

    from grantd.resource_server.mcp import protect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["EnterpriseManagedAuthorization", "TokenVerifier", "protect"]


class TokenVerifier(auth.TokenVerifier):
    """fastmcp's `TokenVerifier`, over any verifier of this package, for Bearer only."""

    def __init__(
        self,
        verifier: Verifier,
        *,
        required_scopes: Sequence[str] = (),
        implied: Mapping[str, frozenset[str]] | None = None,
    ) -> None:
        """`required_scopes` is what every request needs; `implied` as in `grantd.resource_server.mcp`."""
        super().__init__(required_scopes=list(required_scopes))
        self._verifier = verifier
        self._implied = implied or {}

    async def verify_token(self, token: str) -> auth.AccessToken | None:
        """None for a token that is no good here; raises GrantdError when nobody could tell."""
        try:
            verified = await self._verifier.verify(token)
        except TokenRefused:
            return None
        return auth.AccessToken(
            token=token,
            client_id=verified.client_id,
            scopes=sorted(with_implied(verified.scopes, self._implied)),
            expires_at=verified.expires_at,
            resource=verified.resource,
            subject=verified.subject,
            claims={**verified.claims, "iss": verified.issuer},
        )


class EnterpriseManagedAuthorization(ServerExtension):
    """`server.add_extension(EnterpriseManagedAuthorization())` announces it (H-17)."""

    identifier = ENTERPRISE_MANAGED_AUTHORIZATION
