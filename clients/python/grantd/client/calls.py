"""The calls, described once for the blocking client and the one for an event loop."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from grantd.client import results
from grantd.client.calling.call import Call
from grantd.v1 import authorization_pb2 as pb
from grantd.v1 import metadata_pb2
from grantd.v1.authorization_pb2_grpc import AuthorizationServiceStub
from grantd.v1.metadata_pb2_grpc import MetadataServiceStub

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from grantd.client.credentials import Credentials

    Details = Sequence[Mapping[str, Any]]

R = TypeVar("R")

ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
ID_JAG = "urn:ietf:params:oauth:token-type:id-jag"
REFRESH_TOKEN = "urn:ietf:params:oauth:token-type:refresh_token"
"""RFC 8693 section 3 and draft-ietf-oauth-identity-assertion-authz-grant."""


SERVICES: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {"AuthorizationService": AuthorizationServiceStub, "MetadataService": MetadataServiceStub}
)


def _authorization(
    method: str, build: Callable[[], Any], read: Callable[[Any, str | None], R], *, repeatable: bool = True
) -> Call[R]:
    return Call("AuthorizationService", method, build, read, repeatable)


def _as_json(details: Details) -> str | None:
    return json.dumps(list(details)) if details else None


def exchange_identity(
    issuer: str,
    credentials: Credentials,
    *,
    subject_token: str,
    audience: str,
    resource: Sequence[str],
    scope: str | None,
    subject_token_type: str,
    authorization_details: Details = (),
) -> Call[results.IssuedGrant]:
    """Leg 1."""

    def build() -> pb.ExchangeIdentityRequest:
        return pb.ExchangeIdentityRequest(
            issuer=issuer,
            client=credentials.proof(),
            requested_token_type=ID_JAG,
            audience=[audience],
            resource=resource,
            scope=scope,
            authorization_details=_as_json(authorization_details),
            subject_token=subject_token,
            subject_token_type=subject_token_type,
        )

    return _authorization("ExchangeIdentity", build, results.issued_grant)


def remember_sign_in(
    issuer: str, credentials: Credentials, *, subject_token: str, subject_token_type: str
) -> Call[results.SessionToken]:
    """A sign-in becomes a refresh token."""

    def build() -> pb.ExchangeIdentityRequest:
        return pb.ExchangeIdentityRequest(
            issuer=issuer,
            client=credentials.proof(),
            requested_token_type=REFRESH_TOKEN,
            subject_token=subject_token,
            subject_token_type=subject_token_type,
        )

    return _authorization("ExchangeIdentity", build, results.session_token)


def refresh_token(issuer: str, credentials: Credentials, token: str) -> Call[results.SessionToken]:
    """Rotation. Never repeated: the old token may be used up although no answer came,
    and a token that comes again late ends the session."""

    def build() -> pb.RefreshTokenRequest:
        return pb.RefreshTokenRequest(issuer=issuer, client=credentials.proof(), refresh_token=token)

    return _authorization("RefreshToken", build, results.session_token, repeatable=False)


def redeem_grant(
    issuer: str,
    credentials: Credentials,
    assertion: str,
    *,
    resource: Sequence[str],
    scope: str | None,
    authorization_details: Details = (),
) -> Call[results.IssuedToken]:
    """Leg 2. Never repeated: the grant may be used up although no answer came, and the
    refusal of a second attempt would hide that."""

    def build() -> pb.RedeemGrantRequest:
        return pb.RedeemGrantRequest(
            issuer=issuer,
            client=credentials.proof(),
            assertion=assertion,
            resource=resource,
            scope=scope,
            authorization_details=_as_json(authorization_details),
        )

    return _authorization("RedeemGrant", build, results.issued_token, repeatable=False)


def _consistency(fresh: bool) -> pb.Consistency.ValueType:
    return pb.CONSISTENCY_FULL if fresh else pb.CONSISTENCY_VIEW


def introspect_token(issuer: str, credentials: Credentials, token: str, fresh: bool) -> Call[results.Introspection]:
    """Is this token active here?"""

    def build() -> pb.IntrospectTokenRequest:
        return pb.IntrospectTokenRequest(
            issuer=issuer, client=credentials.proof(), token=token, consistency=_consistency(fresh)
        )

    return _authorization("IntrospectToken", build, lambda answer, _: results.introspection(answer))


def introspect_tokens(
    issuer: str, credentials: Credentials, tokens: Sequence[str], fresh: bool
) -> Call[tuple[results.Introspection, ...]]:
    """Are these tokens active here? 64 at most, answered in their order."""

    def build() -> pb.IntrospectTokensRequest:
        return pb.IntrospectTokensRequest(
            issuer=issuer, client=credentials.proof(), tokens=tokens, consistency=_consistency(fresh)
        )

    def read(answer: pb.IntrospectTokensResponse, _: str | None) -> tuple[results.Introspection, ...]:
        return tuple(results.introspection(result) for result in answer.results)

    return _authorization("IntrospectTokens", build, read)


def revoke_token(issuer: str, credentials: Credentials, token: str) -> Call[None]:
    """Revokes; repeating it changes nothing."""

    def build() -> pb.RevokeTokenRequest:
        return pb.RevokeTokenRequest(issuer=issuer, client=credentials.proof(), token=token)

    return _authorization("RevokeToken", build, lambda _answer, _: None)


def issuer_metadata(issuer: str) -> Call[metadata_pb2.IssuerMetadata]:
    """What the issuer publishes about itself."""
    return Call(
        "MetadataService",
        "GetIssuerMetadata",
        lambda: metadata_pb2.GetIssuerMetadataRequest(issuer=issuer),
        lambda answer, _: answer.metadata,
    )


def jwks(issuer: str) -> Call[dict[str, list[dict[str, str]]]]:
    """The issuer's public keys."""

    def read(answer: metadata_pb2.GetJwksResponse, _: str | None) -> dict[str, list[dict[str, str]]]:
        return {"keys": [{member.name: value for member, value in key.ListFields()} for key in answer.keys]}

    return Call("MetadataService", "GetJwks", lambda: metadata_pb2.GetJwksRequest(issuer=issuer), read)
