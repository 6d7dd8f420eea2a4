"""From a form to the message of one RPC. Values pass unchanged: the service judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd.v1 import authorization_pb2 as pb
from grantd_server.checks import (
    GRANT_TYPE_JWT_BEARER,
    GRANT_TYPE_JWT_DPOP,
    GRANT_TYPE_REFRESH_TOKEN,
    GRANT_TYPE_TOKEN_EXCHANGE,
)
from grantd_server.shim.faults import WireRefused
from grantd_server.shim.issuers.routes import Place
from grantd_server.shim.request.certificates import client_certificate
from grantd_server.shim.request.credentials import read_client
from grantd_server.shim.request.observed import observe, read_proofs

if TYPE_CHECKING:
    from grantd_server.shim.issuers.routes import Route
    from grantd_server.shim.limits import ShimLimits
    from grantd_server.shim.request.form import Form
    from grantd_server.shim.request.head import Head

TokenRequest = pb.ExchangeIdentityRequest | pb.RefreshTokenRequest | pb.RedeemGrantRequest
Request = TokenRequest | pb.IntrospectTokenRequest | pb.RevokeTokenRequest

_REDEEMED = frozenset({GRANT_TYPE_JWT_BEARER, GRANT_TYPE_JWT_DPOP})
_MAY_REPEAT = {GRANT_TYPE_TOKEN_EXCHANGE: frozenset({"audience", "resource"})}
"""RFC 8693 section 2.1; elsewhere at the token endpoint RFC 8707 section 2."""
_RESOURCE_MAY_REPEAT = frozenset({"resource"})


def read_request(route: Route, form: Form, head: Head, limits: ShimLimits) -> Request:
    """Builds the message of the RPC that the request asks for.

    Raises:
        WireRefused: no RPC is asked for, or its message would be too large.
    """
    message = _token_request(route, form) if route.place is Place.TOKEN else _request_about_token(route, form)
    message.client.CopyFrom(read_client(form, head, limits.authorization_bytes))
    message.observed.CopyFrom(observe(head, limits))
    certificate = client_certificate(head, limits)
    if certificate is not None and message.client.WhichOneof("method") is None:
        # Nothing else proves the client, so that its certificate does (RFC 8705 section 2).
        message.client.certificate.SetInParent()
        message.observed.client_certificate = certificate
    message.observed.dpop_proofs.extend(read_proofs(head, limits.dpop_bytes))
    if message.ByteSize() > limits.message_bytes:
        # The service would drop it before it could record anything.
        raise WireRefused(pb.WIRE_FAULT_BODY_TOO_LARGE)
    return message


def refusal_request(route: Route, refused: WireRefused, head: Head, limits: ShimLimits) -> pb.RefuseRequestRequest:
    """Builds the message that has the service record and refuse the request."""
    return pb.RefuseRequestRequest(
        issuer=route.issuer,
        endpoint=route.place.value,
        fault=refused.fault,
        parameter=refused.parameter,
        observed=observe(head, limits),
    )


def _token_request(route: Route, form: Form) -> TokenRequest:
    grant_type = form.one("grant_type")
    form.refuse_repeated(_MAY_REPEAT.get(grant_type or "", _RESOURCE_MAY_REPEAT))
    if grant_type is None:
        raise WireRefused(pb.WIRE_FAULT_MISSING_PARAMETER, "grant_type")
    if grant_type == GRANT_TYPE_TOKEN_EXCHANGE and route.is_grant_issuer:
        return pb.ExchangeIdentityRequest(
            issuer=route.issuer,
            requested_token_type=form.one("requested_token_type"),
            audience=form.many("audience"),
            resource=form.many("resource"),
            scope=form.one("scope"),
            authorization_details=form.one("authorization_details"),
            subject_token=form.one("subject_token"),
            subject_token_type=form.one("subject_token_type"),
            actor_token=form.one("actor_token"),
            actor_token_type=form.one("actor_token_type"),
        )
    if grant_type == GRANT_TYPE_REFRESH_TOKEN and route.is_grant_issuer:
        # The service refuses where the issuer has no refresh tokens.
        return pb.RefreshTokenRequest(
            issuer=route.issuer, refresh_token=form.one("refresh_token"), scope=form.one("scope")
        )
    if grant_type in _REDEEMED and not route.is_grant_issuer:
        return pb.RedeemGrantRequest(
            issuer=route.issuer,
            grant_type=None if grant_type == GRANT_TYPE_JWT_BEARER else grant_type,
            assertion=form.one("assertion"),
            scope=form.one("scope"),
            resource=form.many("resource"),
            authorization_details=form.one("authorization_details"),
        )
    raise WireRefused(pb.WIRE_FAULT_GRANT_TYPE, "grant_type")


def _request_about_token(route: Route, form: Form) -> pb.IntrospectTokenRequest | pb.RevokeTokenRequest:
    form.refuse_repeated()
    token, hint = form.one("token"), form.one("token_type_hint")
    kind = pb.IntrospectTokenRequest if route.place is Place.INTROSPECTION else pb.RevokeTokenRequest
    return kind(issuer=route.issuer, token=token, token_type_hint=hint)
