"""What a caller gets to know when a call fails, over gRPC and over HTTP alike.

`Refused` is an answer: the service decided, and said no. `Unavailable` is none: the
service could not decide, or its answer did not arrive.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    import grpc

DOMAIN = "grantd"
DECISION_ID = "x-grantd-decision-id"
"""Trailer of every call, header of every HTTP answer."""

_DETAILS = "grpc-status-details-bin"
_ERROR_URI = re.compile(r"https?://[\x21\x23-\x5b\x5d-\x7e]{1,2048}")
"""RFC 6749 section 5.2, and a page at that: whoever shows it makes a link of it."""
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_UNDECIDED = frozenset({"temporarily_unavailable", "server_error"})
_MOVED = "BUNDLE_MOVED"
_LONGEST_NEAREST = 4096
_MOST_NEAREST = 20
_REFUSALS = frozenset({"INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED", "FAILED_PRECONDITION", "NOT_FOUND"})


class GrantdError(Exception):
    """A call that did not succeed."""

    def __init__(
        self,
        code: str,
        *,
        reason: str | None = None,
        oauth_error: str | None = None,
        description: str = "",
        decision_id: str | None = None,
        error_uri: str | None = None,
        max_age: int | None = None,
        acr_values: tuple[str, ...] = (),
        fields: tuple[str, ...] = (),
        nearest: tuple[str, ...] = (),
    ) -> None:
        self.code = code
        """gRPC status (`FAILED_PRECONDITION`), or `HTTP 400`."""
        self.reason = reason
        """A name of `grantd.v1.Reason` without its prefix; None over HTTP, and when
        the failure is not grantd's own word."""
        self.oauth_error = oauth_error
        """`invalid_grant` and its like; None when grantd was not reached."""
        self.description = description
        """One sentence. It never tells what was expected: `grantd explain` does."""
        self.decision_id = decision_id
        """What an operator asks `grantd explain` about."""
        self.error_uri = error_uri
        """A page about this failure, over HTTP, where the service names one."""
        self.max_age = max_age
        """Seconds since sign-in that would have been young enough (RFC 9470)."""
        self.acr_values = acr_values
        """Sign-in classes that would have been strong enough (RFC 9470)."""
        self.fields = fields
        """Parameters that were missing or wrong."""
        self.nearest = nearest
        """Names like the one that the bundle in force does not have."""
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        parts = [self.oauth_error or self.code]
        if self.description:
            parts.append(f": {self.description}")
        if self.decision_id:
            parts.append(f" (decision {self.decision_id})")
        if self.error_uri:
            parts.append(f", see {self.error_uri}")
        return "".join(parts)


class Refused(GrantdError):
    """The service decided and said no: the same call will be refused again."""


class BundleMoved(Refused):
    """Another bundle was put in force than the one that a change was made for: look at
    what is in force now, and try again on top of it."""

    def __init__(
        self, code: str, *, epoch: int | None, version: str, author: str, activated: int | None, **told: Any
    ) -> None:
        super().__init__(code, **told)
        self.epoch = epoch
        """The epoch in force; None where nothing is."""
        self.version = version
        self.author = author
        """Who put it in force."""
        self.activated = activated
        """When. Seconds since the epoch."""


class Unavailable(GrantdError):
    """The service could not decide. For RedeemGrant the outcome may be unknown: ask for
    a fresh grant rather than sending the same one again."""


def printable(text: str, longest: int = 200) -> str:
    """Text of a peer, fit for a log line: one line, ASCII, cut."""
    return _UNPRINTABLE.sub("?", text)[:longest]


def of_rpc(error: grpc.RpcError) -> GrantdError:
    """Reads the failure of a gRPC call, sync or aio, that has ended with a status."""
    trailers = _metadata(error.trailing_metadata())
    code: str = error.code().name
    decision_id = trailers.get(DECISION_ID)
    decision = printable(str(decision_id), 64) if decision_id else None
    info, fields = _told(trailers.get(_DETAILS))
    if info is None:
        kind = Refused if code in _REFUSALS else Unavailable
        return kind(code, description=printable(error.details() or "", 400), decision_id=decision)
    known = dict(info.metadata)
    oauth_error = known.get("oauth_error")
    told: dict[str, Any] = {
        "reason": printable(info.reason, 64),
        "oauth_error": printable(oauth_error, 64) if oauth_error else None,
        "description": printable(known.get("error_description", "")),
        "max_age": _seconds(known.get("max_age")),
        "acr_values": tuple(known.get("acr_values", "").split()),
        "fields": fields,
        "nearest": _names(known.get("nearest", "")),
        "decision_id": decision,
    }
    if info.reason == _MOVED:
        return _moved(code, known, told)
    return (Unavailable if oauth_error in _UNDECIDED else Refused)(code, **told)


def _moved(code: str, known: Mapping[str, str], told: Mapping[str, Any]) -> BundleMoved:
    return BundleMoved(
        code,
        epoch=_number(known.get("epoch")),
        version=printable(known.get("version", ""), 64),
        author=printable(known.get("author", "")),
        activated=_number(known.get("activated")),
        **told,
    )


def of_http(status: int, headers: Mapping[str, str], body: object) -> GrantdError:
    """Reads an OAuth error answer (RFC 6749 section 5.2).

    `headers` has lower-case names or ignores case; `body` is the parsed JSON,
    whatever it is, or None when it was no JSON.
    """
    known = body if isinstance(body, dict) else {}
    text = {key: value for key, value in known.items() if isinstance(value, str)}
    oauth_error = text.get("error")
    decided = 400 <= status < 500 and status != 429 and oauth_error not in _UNDECIDED
    kind = Refused if decided and oauth_error else Unavailable
    decision_id = headers.get(DECISION_ID)
    error_uri = text.get("error_uri", "")
    max_age = known.get("max_age")
    return kind(
        f"HTTP {status}",
        oauth_error=printable(oauth_error, 64) if oauth_error else None,
        description=printable(text.get("error_description", "")),
        decision_id=printable(decision_id, 64) if decision_id else None,
        error_uri=error_uri if _ERROR_URI.fullmatch(error_uri) else None,
        max_age=max_age if type(max_age) is int else _seconds(text.get("max_age")),
        acr_values=tuple(text.get("acr_values", "").split()),
    )


def _metadata(metadata: Any) -> dict[str, str | bytes]:
    """The trailers by name. The sync and the aio kind share no type."""
    return dict(metadata or ())


def _told(raw_status: str | bytes | None) -> tuple[error_details_pb2.ErrorInfo | None, tuple[str, ...]]:
    """The ErrorInfo of our domain, and the fields of a BadRequest beside it. A proxy in
    between may send a status without one."""
    if not isinstance(raw_status, bytes):
        return None, ()
    found: error_details_pb2.ErrorInfo | None = None
    fields: tuple[str, ...] = ()
    status, info, request = status_pb2.Status(), error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    try:
        status.ParseFromString(raw_status)
        for detail in status.details:
            if detail.Is(request.DESCRIPTOR) and detail.Unpack(request):
                fields = tuple(printable(each.field, 64) for each in request.field_violations)
            elif found is None and detail.Is(info.DESCRIPTOR) and detail.Unpack(info) and info.domain == DOMAIN:
                found = info
    except DecodeError:
        return None, ()
    return found, fields


def _names(raw: str) -> tuple[str, ...]:
    """A JSON list of names. One that cannot be shown as it is is left out: another
    spelling of it would be another name."""
    if len(raw) > _LONGEST_NEAREST:
        return ()
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return ()
    names = found[:_MOST_NEAREST] if isinstance(found, list) else []
    return tuple(name for name in names if isinstance(name, str) and name.isprintable())


def _seconds(text: str | None) -> int | None:
    return _number(text, 9)


def _number(text: str | None, digits: int = 18) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) <= digits else None
