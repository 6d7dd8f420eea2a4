"""What each answer of the service looks like as OAuth JSON (F-21, F-22)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantd.v1.authorization_pb2 import (
        ExchangeIdentityResponse,
        IntrospectTokenResponse,
        RedeemGrantResponse,
        RefreshTokenResponse,
    )

_TEXTS = ("iss", "sub", "client_id", "scope", "token_type", "jti", "acr")
_TIMES = ("iat", "nbf", "exp", "auth_time")


def exchange_answer(answer: ExchangeIdentityResponse) -> dict[str, Any]:
    """RFC 8693 section 2.2.1: the grant travels as `access_token`."""
    body = {
        "access_token": answer.token,
        "issued_token_type": answer.issued_token_type,
        "token_type": answer.token_type,
        "expires_in": answer.expires_in,
    }
    return body | _granted(answer)


def refresh_answer(answer: RefreshTokenResponse) -> dict[str, Any]:
    """RFC 6749 section 5.1, whose `access_token` is required, in the shape of RFC 8693:
    a client of either finds the new token where it looks."""
    body = {
        "access_token": answer.token,
        "refresh_token": answer.token,
        "issued_token_type": answer.issued_token_type,
        "token_type": answer.token_type,
        "expires_in": answer.expires_in,
    }
    return body | ({"scope": answer.scope} if answer.scope else {})


def redeem_answer(answer: RedeemGrantResponse) -> dict[str, Any]:
    """RFC 6749 section 5.1."""
    body = {"access_token": answer.access_token, "token_type": answer.token_type, "expires_in": answer.expires_in}
    return body | _granted(answer)


def introspect_answer(answer: IntrospectTokenResponse) -> dict[str, Any]:
    """RFC 7662 section 2.2. A "no" has one member, whatever the message holds."""
    if not answer.active:
        return {"active": False}
    body: dict[str, Any] = {"active": True}
    for name in (*_TEXTS, *_TIMES):
        if answer.HasField(name):  # type: ignore[arg-type] # literal names, checked by a test against the message
            body[name] = getattr(answer, name)
    if answer.aud:
        body["aud"] = _one_or_all(answer.aud)
    if answer.amr:
        body["amr"] = list(answer.amr)
    confirmation = {}
    if answer.cnf.HasField("jkt"):
        confirmation["jkt"] = answer.cnf.jkt
    if answer.cnf.HasField("x5t_s256"):
        confirmation["x5t#S256"] = answer.cnf.x5t_s256
    if confirmation:
        body["cnf"] = confirmation
    if answer.HasField("authorization_details"):
        body["authorization_details"] = orjson.loads(answer.authorization_details)
    return body


def _granted(answer: ExchangeIdentityResponse | RedeemGrantResponse) -> dict[str, Any]:
    granted: dict[str, Any] = {}
    if answer.scope:
        granted["scope"] = answer.scope
    if answer.resource:
        granted["resource"] = _one_or_all(answer.resource)
    if answer.HasField("authorization_details"):
        granted["authorization_details"] = orjson.loads(answer.authorization_details)
    return granted


def _one_or_all(values: Sequence[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)
