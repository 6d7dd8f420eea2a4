"""What the calls return: frozen values whose tokens do not show in a repr.

Protobuf messages print their token fields in str and repr, whatever the
`debug_redact` option says; these do not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grantd.v1 import authorization_pb2 as pb


@dataclass(frozen=True, slots=True)
class IssuedGrant:
    """An ID-JAG, to be redeemed once."""

    token: str = field(repr=False)
    expires_in: int
    """Seconds."""
    scope: tuple[str, ...]
    resource: tuple[str, ...]
    decision_id: str | None
    authorization_details: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class SessionToken:
    """A refresh token: it stands for a sign-in, and is exchanged for grants."""

    token: str = field(repr=False)
    expires_in: int
    """Seconds; renew it before."""
    decision_id: str | None


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """An access token."""

    access_token: str = field(repr=False)
    token_type: str
    expires_in: int
    """Seconds."""
    scope: tuple[str, ...]
    resource: tuple[str, ...]
    decision_id: str | None
    authorization_details: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Introspection:
    """What the authorization server says of a token (RFC 7662 section 2.2). When
    `active` is False nothing else is set."""

    active: bool
    scope: tuple[str, ...] = ()
    client_id: str | None = None
    exp: int | None = None
    iat: int | None = None
    nbf: int | None = None
    sub: str | None = None
    aud: tuple[str, ...] = ()
    iss: str | None = None
    jti: str | None = None
    token_type: str | None = None
    bound: bool = False
    """True for a token that is bound to a key or certificate (`cnf`)."""
    jkt: str | None = None
    """Thumbprint of the DPoP key, when that is all the token is bound to."""
    acr: str | None = None
    auth_time: int | None = None
    amr: tuple[str, ...] = ()
    authorization_details: tuple[dict[str, Any], ...] = ()


def issued_grant(message: pb.ExchangeIdentityResponse, decision_id: str | None) -> IssuedGrant:
    """Reads the answer of ExchangeIdentity."""
    return IssuedGrant(
        token=message.token,
        expires_in=message.expires_in,
        scope=tuple(message.scope.split()),
        resource=tuple(message.resource),
        decision_id=decision_id,
        authorization_details=_details(message.authorization_details),
    )


def session_token(
    message: pb.ExchangeIdentityResponse | pb.RefreshTokenResponse, decision_id: str | None
) -> SessionToken:
    """Reads the answer of ExchangeIdentity for a refresh token, or of RefreshToken."""
    return SessionToken(message.token, message.expires_in, decision_id)


def issued_token(message: pb.RedeemGrantResponse, decision_id: str | None) -> IssuedToken:
    """Reads the answer of RedeemGrant."""
    return IssuedToken(
        access_token=message.access_token,
        token_type=message.token_type,
        expires_in=message.expires_in,
        scope=tuple(message.scope.split()),
        resource=tuple(message.resource),
        decision_id=decision_id,
        authorization_details=_details(message.authorization_details),
    )


def introspection(message: pb.IntrospectTokenResponse) -> Introspection:
    """Reads one answer of IntrospectToken."""
    if not message.active:
        return Introspection(active=False)
    # An absent member stays None: zero and "" are values that a token may have.
    given = {field.name: value for field, value in message.ListFields() if field.name in _PLAIN}
    return Introspection(
        active=True,
        scope=tuple(message.scope.split()),
        aud=tuple(message.aud),
        amr=tuple(message.amr),
        bound=message.HasField("cnf"),
        authorization_details=_details(message.authorization_details),
        jkt=_only_jkt(message.cnf) if message.HasField("cnf") else None,
        **given,
    )


def _details(text: str) -> tuple[dict[str, Any], ...]:
    return tuple(json.loads(text)) if text else ()


def _only_jkt(cnf: pb.Confirmation) -> str | None:
    return cnf.jkt if [field.name for field, _ in cnf.ListFields()] == ["jkt"] else None


_PLAIN = frozenset({"client_id", "exp", "iat", "nbf", "sub", "iss", "jti", "token_type", "acr", "auth_time"})
