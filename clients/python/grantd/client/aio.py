"""`AsyncClient`: typed calls of grantd over gRPC, from one event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantd.client import calls
from grantd.client.calling.aio import AsyncCaller
from grantd.client.connection import several

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grantd.client.credentials import Credentials
    from grantd.client.results import Introspection, IssuedGrant, IssuedToken, SessionToken
    from grantd.v1 import metadata_pb2


class AsyncClient(AsyncCaller):
    """Calls grantd from one event loop. The channel opens with the first call."""

    _services = calls.SERVICES

    async def exchange_identity(
        self,
        *,
        issuer: str,
        credentials: Credentials,
        subject_token: str,
        audience: str,
        resource: Sequence[str] = (),
        scope: str | None = None,
        subject_token_type: str = calls.ID_TOKEN,
        authorization_details: Sequence[Mapping[str, Any]] = (),
    ) -> IssuedGrant:
        """Leg 1: a sign-in becomes an ID-JAG for the authorization server `audience`."""
        return await self._run(
            calls.exchange_identity(
                issuer,
                credentials,
                subject_token=subject_token,
                audience=audience,
                resource=several(resource),
                scope=scope,
                subject_token_type=subject_token_type,
                authorization_details=authorization_details,
            )
        )

    async def remember_sign_in(
        self, *, issuer: str, credentials: Credentials, subject_token: str, subject_token_type: str = calls.ID_TOKEN
    ) -> SessionToken:
        """A sign-in becomes a refresh token, the subject token of later exchanges:
        `exchange_identity(subject_token=…, subject_token_type=calls.REFRESH_TOKEN)`."""
        call = calls.remember_sign_in(
            issuer, credentials, subject_token=subject_token, subject_token_type=subject_token_type
        )
        return await self._run(call)

    async def refresh_token(self, *, issuer: str, credentials: Credentials, token: str) -> SessionToken:
        """Replaces a refresh token by a new one; forget the old one. Never repeated."""
        return await self._run(calls.refresh_token(issuer, credentials, token))

    async def redeem_grant(
        self,
        *,
        issuer: str,
        credentials: Credentials,
        assertion: str,
        resource: Sequence[str] = (),
        scope: str | None = None,
        authorization_details: Sequence[Mapping[str, Any]] = (),
    ) -> IssuedToken:
        """Leg 2: an ID-JAG becomes an access token, once."""
        call = calls.redeem_grant(
            issuer,
            credentials,
            assertion,
            resource=several(resource),
            scope=scope,
            authorization_details=authorization_details,
        )
        return await self._run(call)

    async def introspect_token(
        self, *, issuer: str, credentials: Credentials, token: str, fresh: bool = False
    ) -> Introspection:
        """Asks about one token; `fresh` makes the service read its database first."""
        return await self._run(calls.introspect_token(issuer, credentials, token, fresh))

    async def introspect_tokens(
        self, *, issuer: str, credentials: Credentials, tokens: Sequence[str], fresh: bool = False
    ) -> tuple[Introspection, ...]:
        """Asks about up to 64 tokens; the answers are in their order."""
        return await self._run(calls.introspect_tokens(issuer, credentials, tokens, fresh))

    async def revoke_token(self, *, issuer: str, credentials: Credentials, token: str) -> None:
        """Revokes an access token of this client, or a refresh token with its session."""
        await self._run(calls.revoke_token(issuer, credentials, token))

    async def issuer_metadata(self, issuer: str) -> metadata_pb2.IssuerMetadata:
        """The metadata of one issuer."""
        return await self._run(calls.issuer_metadata(issuer))

    async def jwks(self, issuer: str) -> dict[str, list[dict[str, str]]]:
        """The public keys of one issuer, as a JWK Set."""
        return await self._run(calls.jwks(issuer))
