"""Messages to frozen requests, by hand: an empty value counts as absent (F-05), and
what is absent stays apart from what is empty (F-47)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd.v1 import client_pb2
from grantd_server.checks import GRANT_TYPE_JWT_BEARER
from grantd_server.model.requests import (
    AssertionProof,
    CertificateProof,
    ClientProof,
    Exchange,
    Introspect,
    Observed,
    PeerProof,
    Proof,
    Redeem,
    Refresh,
    Revoke,
    Secret,
    SecretProof,
)
from grantd_server.refusals import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grantd.v1 import authorization_pb2 as pb

LONGEST_TEXT = 4096
"""Characters of one parameter that is no token and no list of scopes."""
MOST_REPEATED = 64
"""Values of one repeated parameter."""

_NOTHING = Observed()
_BASIC = client_pb2.CLIENT_SECRET_METHOD_BASIC


def exchange_of(message: pb.ExchangeIdentityRequest) -> Exchange:
    """Reads a token exchange request."""
    return Exchange(
        issuer=_required("issuer", message.issuer),
        client=_client(message.client, message.observed),
        observed=_observed(message.observed),
        requested_token_type=_text("requested_token_type", message.requested_token_type),
        audience=_texts("audience", message.audience),
        resource=_texts("resource", message.resource),
        scope=message.scope or None,
        authorization_details=message.authorization_details or None,
        subject_token=_secret(message.subject_token),
        subject_token_type=_text("subject_token_type", message.subject_token_type),
        actor_token=_secret(message.actor_token),
        actor_token_type=_text("actor_token_type", message.actor_token_type),
    )


def redeem_of(message: pb.RedeemGrantRequest) -> Redeem:
    """Reads a JWT bearer grant request."""
    return Redeem(
        issuer=_required("issuer", message.issuer),
        client=_client(message.client, message.observed),
        observed=_observed(message.observed),
        grant_type=_text("grant_type", message.grant_type) or GRANT_TYPE_JWT_BEARER,
        assertion=_secret(message.assertion),
        scope=message.scope or None,
        resource=_texts("resource", message.resource),
        authorization_details=message.authorization_details or None,
    )


def refresh_of(message: pb.RefreshTokenRequest) -> Refresh:
    """Reads a refresh request."""
    return Refresh(
        issuer=_required("issuer", message.issuer),
        client=_client(message.client, message.observed),
        observed=_observed(message.observed),
        refresh_token=_secret(message.refresh_token),
        scope=message.scope or None,
    )


def introspect_of(
    message: pb.IntrospectTokenRequest | pb.IntrospectTokensRequest, tokens: Iterable[str], *, full: bool
) -> Introspect:
    """Reads one introspection or a batch. In a batch an empty token is a token like
    any other that is not valid, so that answers keep their places."""
    return Introspect(
        issuer=_required("issuer", message.issuer),
        client=_client(message.client, message.observed),
        observed=_observed(message.observed),
        tokens=tuple(Secret(token) for token in tokens),
        full=full,
    )


def revoke_of(message: pb.RevokeTokenRequest) -> Revoke:
    """Reads a revocation request."""
    return Revoke(
        issuer=_required("issuer", message.issuer),
        client=_client(message.client, message.observed),
        observed=_observed(message.observed),
        token=_secret(message.token),
    )


def _client(message: client_pb2.ClientAuthentication, observed: client_pb2.Observed) -> ClientProof:
    return ClientProof(_text("client_id", message.client_id), _proof(message, observed))


def _proof(message: client_pb2.ClientAuthentication, observed: client_pb2.Observed) -> Proof | None:
    match message.WhichOneof("method"):
        case "secret":
            sent = message.secret
            raw_id = sent.raw_client_id if sent.HasField("raw_client_id") else None
            return SecretProof(
                method="client_secret_basic" if sent.method == _BASIC else "client_secret_post",
                secret=Secret(sent.secret),
                raw_client_id=raw_id,
                raw_secret=Secret(sent.raw_secret) if sent.HasField("raw_secret") else None,
            )
        case "assertion":
            return AssertionProof(message.assertion.type, Secret(message.assertion.assertion))
        case "certificate":
            return CertificateProof(observed.client_certificate or None)
        case "peer":
            return PeerProof()
        case _:
            return None


def _observed(message: client_pb2.Observed) -> Observed:
    if not message.ByteSize():
        return _NOTHING
    return Observed(
        address=message.client_address or None,
        certificate=message.client_certificate or None,
        dpop_proofs=tuple(Secret(proof) for proof in message.dpop_proofs),
        http_method=message.http_method or None,
        traceparent=message.traceparent or None,
    )


def _secret(value: str) -> Secret | None:
    return Secret(value) if value else None


def _required(name: str, value: str) -> str:
    text = _text(name, value)
    if text is None:
        raise Refused(Reason.PARAMETER_MISSING, field=name)
    return text


def _text(name: str, value: str) -> str | None:
    if len(value) > LONGEST_TEXT or not (value.isprintable() or not value):
        raise Refused(Reason.PARAMETER_INVALID, field=name)
    return value or None


def _texts(name: str, values: Iterable[str]) -> tuple[str, ...]:
    found = tuple(text for value in values if (text := _text(name, value)) is not None)
    if len(found) > MOST_REPEATED:
        raise Refused(Reason.PARAMETER_INVALID, field=name)
    return found
