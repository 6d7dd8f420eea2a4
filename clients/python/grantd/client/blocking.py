"""Typed callers of grantd over gRPC: `Client` blocks, `grantd.client.aio.AsyncClient` is its twin.

    with Client.mtls("grantd.corp:8443", ca="ca.pem", certificate="me.pem", key="me.key") as grantd:
        grant = grantd.exchange_identity(issuer=…, credentials=…, subject_token=…, audience=…)

Every method raises `grantd.errors.Refused` for a "no" and `Unavailable` when there is
no answer. Only UNAVAILABLE is tried again, and RedeemGrant never.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantd.client import calls
from grantd.client.calling.blocking import Caller
from grantd.client.connection import several

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grantd.client.credentials import Credentials
    from grantd.client.results import Introspection, IssuedGrant, IssuedToken, SessionToken
    from grantd.v1 import metadata_pb2


class Client(Caller):
    """Calls grantd from threads; each call blocks."""

    _services = calls.SERVICES

    def exchange_identity(
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
        return self._run(
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

    def remember_sign_in(
        self, *, issuer: str, credentials: Credentials, subject_token: str, subject_token_type: str = calls.ID_TOKEN
    ) -> SessionToken:
        """A sign-in becomes a refresh token, the subject token of later exchanges:
        `exchange_identity(subject_token=…, subject_token_type=calls.REFRESH_TOKEN)`."""
        call = calls.remember_sign_in(
            issuer, credentials, subject_token=subject_token, subject_token_type=subject_token_type
        )
        return self._run(call)

    def refresh_token(self, *, issuer: str, credentials: Credentials, token: str) -> SessionToken:
        """Replaces a refresh token by a new one; forget the old one. Never repeated."""
        return self._run(calls.refresh_token(issuer, credentials, token))

    def redeem_grant(
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
        return self._run(call)

    def introspect_token(
        self, *, issuer: str, credentials: Credentials, token: str, fresh: bool = False
    ) -> Introspection:
        """Asks about one token; `fresh` makes the service read its database first."""
        return self._run(calls.introspect_token(issuer, credentials, token, fresh))

    def introspect_tokens(
        self, *, issuer: str, credentials: Credentials, tokens: Sequence[str], fresh: bool = False
    ) -> tuple[Introspection, ...]:
        """Asks about up to 64 tokens; the answers are in their order."""
        return self._run(calls.introspect_tokens(issuer, credentials, tokens, fresh))

    def revoke_token(self, *, issuer: str, credentials: Credentials, token: str) -> None:
        """Revokes an access token of this client, or a refresh token with its session."""
        self._run(calls.revoke_token(issuer, credentials, token))

    def issuer_metadata(self, issuer: str) -> metadata_pb2.IssuerMetadata:
        """The metadata of one issuer."""
        return self._run(calls.issuer_metadata(issuer))

    def jwks(self, issuer: str) -> dict[str, list[dict[str, str]]]:
        """The public keys of one issuer, as a JWK Set."""
        return self._run(calls.jwks(issuer))
