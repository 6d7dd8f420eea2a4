"""From a gRPC error to the OAuth error: the one way out for everything that fails.

The row of the failure table decides; no text of an error ever leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from grantd_server.model.decision_page import decision_page
from grantd_server.refusals import Public
from grantd_server.shim.answer.response import json_response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grantd_server.shim.answer.response import Header, Response

DECISION_ID = "x-grantd-decision-id"
_DETAILS = "grpc-status-details-bin"
_DOMAIN = "grantd"

_WITHOUT_DETAILS = {
    grpc.StatusCode.UNAVAILABLE: Public.UNAVAILABLE,
    grpc.StatusCode.CANCELLED: Public.UNAVAILABLE,  # a call that crossed a GOAWAY
    grpc.StatusCode.DEADLINE_EXCEEDED: Public.OUT_OF_TIME,
}
"""Errors that gRPC itself makes, for instance when no server answers."""

ABOUT_THE_SHIM = frozenset({Public.CALLER_UNKNOWN, Public.CALLER_NOT_ALLOWED, Public.OBSERVED_NOT_ALLOWED})
"""The gRPC caller is the shim itself. Told as 401, our own misconfiguration would
make clients throw their credentials away."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a caller may learn of a failed call."""

    public: Public
    decision_id: str | None = None
    error_id: str | None = None
    max_age: int | None = None
    acr_values: str | None = None
    dpop_nonce: str | None = None


def read_refusal(error: grpc.aio.AioRpcError) -> Refusal:
    """Reads the row a failed call names, or the one its status implies."""
    trailers = list(error.trailing_metadata() or ())
    decision_id = find_decision_id(trailers)
    info = _error_info(trailers)
    public = Public.__members__.get(info.reason) if info else _WITHOUT_DETAILS.get(error.code())
    if info is None or public is None or public in ABOUT_THE_SHIM:
        known = Public.INTERNAL if public is None or public in ABOUT_THE_SHIM else public
        return Refusal(known, decision_id)
    max_age = info.metadata.get("max_age", "")
    return Refusal(
        public,
        decision_id,
        error_id=info.metadata.get("error_id"),
        max_age=int(max_age) if max_age.isdecimal() else None,
        acr_values=info.metadata.get("acr_values"),
        dpop_nonce=info.metadata.get("dpop_nonce"),
    )


def render_refusal(refusal: Refusal, realm: str | None = None, page: str | None = None) -> Response:
    """Renders RFC 6749 section 5.2; `realm` is given when the client used the
    Authorization header, and only then is it challenged. `page` is the address, with a
    place for the decision id, that `error_uri` is made of."""
    public = refusal.public
    body: dict[str, Any] = {"error": public.oauth_error, "error_description": public.sentence}
    if page is not None and refusal.decision_id:
        body["error_uri"] = decision_page(page, refusal.decision_id)
    if refusal.max_age is not None:
        body["max_age"] = refusal.max_age
    if refusal.acr_values:
        body["acr_values"] = refusal.acr_values
    headers: list[Header] = [*decision_header(refusal.decision_id), *nonce_header(refusal.dpop_nonce)]
    if refusal.error_id:
        headers.append((b"x-grantd-error-id", refusal.error_id.encode()))
    if public.http == 401 and realm is not None:
        headers.append((b"www-authenticate", f'Basic realm="{realm}", charset="UTF-8"'.encode()))
    if public.http in {429, 503}:
        headers.append((b"retry-after", b"1"))
    return json_response(public.http, body, *headers)


def decision_header(decision_id: str | None) -> tuple[Header, ...]:
    """The header from which `grantd explain` starts."""
    return ((DECISION_ID.encode(), decision_id.encode()),) if decision_id else ()


def nonce_header(nonce: str | None) -> tuple[Header, ...]:
    """The nonce of the client's next DPoP proof (RFC 9449 section 8.1)."""
    return ((b"dpop-nonce", nonce.encode()),) if nonce else ()


def find_decision_id(trailers: Iterable[Any]) -> str | None:
    """The decision id of an answer or a refusal."""
    return next((v for k, v in trailers if k == DECISION_ID and isinstance(v, str)), None)


def _error_info(trailers: Iterable[Any]) -> ErrorInfo | None:
    raw = next((v for k, v in trailers if k == _DETAILS and isinstance(v, bytes)), None)
    if raw is None:
        return None
    info = ErrorInfo()
    try:
        for detail in Status.FromString(raw).details:
            if detail.Unpack(info) and info.domain == _DOMAIN:
                return info
    except DecodeError:
        return None
    return None
