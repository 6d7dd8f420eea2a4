"""A refusal as it leaves: gRPC status, google.rpc details and trailers.

The public row is all that leaves; reason, facts, expected and got stay in the record.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import grpc
from google.rpc import error_details_pb2, status_pb2

from grantd_server.refusals import Public

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.protobuf import any_pb2

    from grantd_server.audit.record import Record
    from grantd_server.refusals import Refused

DOMAIN = "grantd"
DECISION_ID = "x-grantd-decision-id"
DETAILS = "grpc-status-details-bin"

Trailers = tuple[tuple[str, str | bytes], ...]

_ABOUT_A_FIELD = frozenset({Public.PARAMETER_MISSING, Public.PARAMETER_REPEATED, Public.PARAMETER_INVALID})
# A field name comes from our own contract; anything else could echo input.
_FIELD = re.compile(r"[a-z][a-z0-9_.]{0,63}", re.ASCII)

_LONGEST_NEAREST = 2000
"""Bytes: it travels in a trailer, with all the others."""


class Ended(Exception):
    """The final status of a call that has no answer; an adapter puts it on its wire."""

    def __init__(self, code: grpc.StatusCode, details: str, trailers: Trailers) -> None:
        super().__init__(code.name)
        self.code = code
        self.details = details
        self.trailers = trailers


def ended(refusal: Refused, record: Record) -> Ended:
    """Turns a refusal into the final status of the call that `record` is about."""
    public = refusal.reason.public
    field = str(refusal.facts.get("field", "")) if public in _ABOUT_A_FIELD else ""
    extra = _challenge(refusal.challenge)
    if public is Public.INTERNAL:
        extra["error_id"] = record.error_id
    details = encode(public, extra, field if _FIELD.fullmatch(field) else "")
    return Ended(grpc.StatusCode[public.status], public.sentence, ((DECISION_ID, record.id), (DETAILS, details)))


def encode(public: Public, extra: Mapping[str, str], field: str = "") -> bytes:
    """Serialises a `google.rpc.Status` for a public row, the same bytes every time."""
    metadata = {"oauth_error": public.oauth_error, "error_description": public.sentence, **extra}
    status = status_pb2.Status(code=grpc.StatusCode[public.status].value[0], message=public.sentence)
    _pack(status.details.add(), error_details_pb2.ErrorInfo(reason=public.name, domain=DOMAIN, metadata=metadata))
    if field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=public.sentence)
        _pack(status.details.add(), error_details_pb2.BadRequest(field_violations=[violation]))
    return status.SerializeToString()


def _pack(slot: any_pb2.Any, detail: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest) -> None:
    slot.Pack(detail, deterministic=True)


def _challenge(challenge: Mapping[str, object]) -> dict[str, str]:
    """What a client needs to come again: the members of RFC 9470 section 3, to sign the
    user in, or the nonce of RFC 9449 section 8; what an administrator needs to know of
    whoever was faster, or of names like the one that was asked for."""
    out: dict[str, str] = {}
    if nonce := challenge.get("dpop_nonce"):
        out["dpop_nonce"] = str(nonce)
    if (max_age := challenge.get("max_age")) is not None:
        out["max_age"] = str(max_age)
    if "epoch" in challenge:
        out |= {name: str(challenge[name]) for name in ("epoch", "version", "author", "activated")}
    if nearest := challenge.get("nearest"):
        out["nearest"] = _names(_each(nearest))
    if acr := challenge.get("acr_values"):
        out["acr_values"] = acr if isinstance(acr, str) else " ".join(map(str, _each(acr)))
    return out


def _names(names: tuple[object, ...]) -> str:
    """Names as ASCII JSON, as they may have blanks. What does not fit is left out whole:
    half of a name is another name."""
    fitting: list[str] = []
    for name in map(str, names):
        if len(json.dumps([*fitting, name])) <= _LONGEST_NEAREST:
            fitting.append(name)
    return json.dumps(fitting)


def _each(values: object) -> tuple[object, ...]:
    return tuple(values) if isinstance(values, (list, tuple)) else (values,)
