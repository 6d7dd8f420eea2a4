"""Leg 1 for MCP clients: fetches an ID-JAG whenever the official client asks for one.

    provider = IdentityAssertionOAuthProvider(..., assertion_provider=AssertionProvider(
        RpcExchange(grantd, issuer=..., credentials=...), id_token))

Nothing is kept: the client sends one token request per 401, and a grant is redeemed
once, so that a remembered ID-JAG would be a refused one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from grantd.client.calls import ID_JAG, ID_TOKEN
from grantd.errors import Unavailable, of_http
from grantd.extras import needs

if TYPE_CHECKING:
    import httpx2

    from grantd.client.aio import AsyncClient
    from grantd.client.credentials import Credentials
    from grantd.dpop.prover import Prover

IdToken = Callable[[], Awaitable[str]]
"""Returns the ID token of the current sign-in, renewed where it has expired."""

_TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


class Exchange(Protocol):
    """Leg 1: one ID token in, one ID-JAG out."""

    async def __call__(self, id_token: str, audience: str, resource: str, scope: str | None) -> str:
        """Raises GrantdError."""


class AssertionProvider:
    """What `IdentityAssertionOAuthProvider` takes as its `assertion_provider`."""

    def __init__(self, exchange: Exchange, id_token: IdToken, *, scope: str | None = None) -> None:
        """`scope` is what leg 1 asks for; None leaves it to the policy. The official
        client does not tell the scope of a challenge to this callback."""
        self._exchange = exchange
        self._id_token = id_token
        self._scope = scope

    async def __call__(self, audience: str, resource: str) -> str:
        """A fresh ID-JAG for the authorization server `audience` and the server `resource`."""
        return await self._exchange(await self._id_token(), audience, resource, self._scope)


class RpcExchange:
    """Leg 1 over gRPC."""

    def __init__(self, client: AsyncClient, *, issuer: str, credentials: Credentials) -> None:
        self._client = client
        self._issuer = issuer
        self._credentials = credentials

    async def __call__(self, id_token: str, audience: str, resource: str, scope: str | None) -> str:
        grant = await self._client.exchange_identity(
            issuer=self._issuer,
            credentials=self._credentials,
            subject_token=id_token,
            audience=audience,
            resource=[resource],
            scope=scope,
        )
        return grant.token


class HttpExchange:
    """Leg 1 over HTTP: token exchange (RFC 8693) as a client with a secret."""

    def __init__(
        self,
        token_endpoint: str,
        *,
        client_id: str,
        client_secret: str,
        client: httpx2.AsyncClient | None = None,
        prover: Prover | None = None,
    ) -> None:
        """With a `prover` the grants are bound to its key (RFC 9449): whoever redeems them
        must prove to hold it, with `grantd.dpop.http.DpopAuth`."""
        with needs("mcp"):
            from grantd import http  # noqa: PLC0415 - a provider over gRPC needs no HTTP client
        self._endpoint = http.check_url(token_endpoint)
        self._headers = {"authorization": http.basic(client_id, client_secret)}
        self._http = client or http.client()
        self._send = http.send
        self._auth: httpx2.Auth | None = None
        if prover is not None:
            from grantd.dpop.http import DpopAuth  # noqa: PLC0415 - for those who bind their grants

            self._auth = DpopAuth(prover)

    async def __call__(self, id_token: str, audience: str, resource: str, scope: str | None) -> str:
        form = {
            "grant_type": _TOKEN_EXCHANGE,
            "requested_token_type": ID_JAG,
            "audience": audience,
            "resource": resource,
            "subject_token": id_token,
            "subject_token_type": ID_TOKEN,
        }
        if scope is not None:
            form["scope"] = scope
        request = self._http.build_request("POST", self._endpoint, data=form, headers=self._headers)
        status, headers, body = await self._send(self._http, request, self._auth)
        if status != 200:
            raise of_http(status, headers, body)
        # An access token of the issuer itself must never be presented as a grant.
        if body is None or body.get("issued_token_type") != ID_JAG or not isinstance(body.get("access_token"), str):
            raise Unavailable(f"HTTP {status}", description="the token endpoint sent no ID-JAG")
        token: str = body["access_token"]
        return token

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()
