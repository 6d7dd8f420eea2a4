"""Access tokens at a server on the official `mcp` SDK. All of it, DPoP and step-up too:

    app = protect(server.streamable_http_app(), AccessTokenVerifier(...), ProtectedResource(...))

`TokenVerifier` is for the SDK's own middleware instead, whose challenges are plainer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd.extras import needs
from grantd.resource_server.asgi import TOKEN, ResourceServer
from grantd.resource_server.cross_origin import CrossOrigin
from grantd.resource_server.extension import ENTERPRISE_MANAGED_AUTHORIZATION
from grantd.verifiers.tokens import TokenRefused, VerifiedToken, Verifier, with_implied

with needs("mcp"):
    from mcp.server.auth.middleware.auth_context import AuthContextMiddleware, get_access_token
    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
    from mcp.server.auth.provider import AccessToken
    from mcp.server.extension import Extension
    from mcp.server.mcpserver.exceptions import ToolError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from typing import Unpack

    from grantd.resource_server.asgi import App, Receive, Scope, Send, Settings
    from grantd.resource_server.protected_resource import ProtectedResource


def access_token(raw_token: str, verified: VerifiedToken, scopes: frozenset[str]) -> AccessToken:
    """The SDK's form of a verified token."""
    return AccessToken(
        token=raw_token,
        client_id=verified.client_id,
        scopes=sorted(scopes),
        expires_at=verified.expires_at,
        resource=verified.resource,
        subject=verified.subject,
        # The SDK ties a session to client, issuer and subject, and finds the issuer here.
        claims={**verified.claims, "iss": verified.issuer},
    )


class TokenVerifier:
    """The SDK's `TokenVerifier`, over any verifier of this package. The SDK knows the
    scheme Bearer only: key-bound tokens are refused here, and taken behind `protect`."""

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


def protect(
    app: App,
    verifier: Verifier,
    resource: ProtectedResource,
    *,
    origins: Collection[str] = (),
    **settings: Unpack[Settings],
) -> App:
    """A server's streamable HTTP application behind a `ResourceServer`, whose settings
    these are. Tools find the caller as ever, by `get_access_token`, without the token
    itself; the SDK ties sessions to the caller. `origins` are web pages that may call.
    """
    protected = ResourceServer(_SignedIn(app, settings.get("implied") or {}), verifier, resource, **settings)
    return CrossOrigin(protected, origins=origins) if origins else protected


def caller(*scopes: str) -> AccessToken:
    """Who calls the tool that asks, by the token of this very request.

    Raises:
        ToolError: nobody signed in, or without one of the scopes.
    """
    token = get_access_token()
    if token is None or token.subject is None:
        raise ToolError("this needs a sign-in")
    if not set(scopes) <= set(token.scopes):
        raise ToolError(f"this needs the scope {' '.join(scopes)}")
    return token


class EnterpriseManagedAuthorization(Extension):
    """`MCPServer(extensions=[EnterpriseManagedAuthorization()])` announces it (H-17)."""

    identifier = ENTERPRISE_MANAGED_AUTHORIZATION


class _SignedIn:
    """Makes a verified token the SDK's user."""

    def __init__(self, app: App, implied: Mapping[str, frozenset[str]]) -> None:
        self._app: App = AuthContextMiddleware(app)
        self._implied = implied

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        verified = scope.get(TOKEN)
        if verified is not None:
            user = AuthenticatedUser(access_token("", verified, with_implied(verified.scopes, self._implied)))
            scope = {**scope, "user": user}
        await self._app(scope, receive, send)
