"""The one way from a record to attributes: an allow-list and a length cap.

Span and log line share it, so that what is kept out of one is kept out of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantd_server.refusals import Public, Reason
from grantd_server.telemetry import names

if TYPE_CHECKING:
    from grantd_server.audit.record import Record

LONGEST: Final = 128
"""Characters of one attribute; a span is no place for hostile megabytes."""

REDACTED: Final = "[redacted]"

_JWS_START: Final = "eyJ"
"""Base64url of `{"`: every compact JWS begins so. A client that sends its token in
the wrong field must not find it in a trace."""

_TARGET_KNOWN: Final = frozenset({Reason.POLICY_NO_RULE, Reason.POLICY_DENY_RULE, Reason.STEP_UP_REQUIRED})
"""Refusals that come only after audience and resources were found in the bundle.
In every other refusal they may be the client's free input."""

_FIRST_AFTER_ISSUER: Final = Public.CLIENT_AUTHENTICATION_FAILED.number
"""Refusals of the request itself have lower numbers; they may come before the issuer
was found in the bundle."""

Value = str | int | tuple[str, ...]


def of(record: Record, status: str) -> dict[str, Value]:
    """Projects a record: only names of `names.ATTRIBUTES`, only non-empty values."""
    reason = record.reason
    known_issuer = reason is None or reason.public.number >= _FIRST_AFTER_ISSUER
    known_target = reason is None or reason in _TARGET_KNOWN
    found: dict[str, Value] = {
        names.RPC_SYSTEM: "grpc",
        names.RPC_METHOD: names.METHODS.get(record.rpc, names.OTHER),
        names.RPC_STATUS: status,
        names.ERROR_TYPE: status if status in names.FAULT_STATUSES else "",
        "grantd.decision_id": record.id,
        "grantd.transport": record.transport,
        "grantd.caller.role": record.role,
        "grantd.outcome": record.outcome,
        "grantd.reason": reason.name if reason else "",
        "grantd.error_id": record.error_id,
        "grantd.issuer": record.issuer if known_issuer else "",
        "grantd.client": record.client,
        "grantd.client.method": record.client_method if record.client else "",
        "grantd.client.credential": record.client_credential if record.client else "",
        "grantd.audience": record.audience if known_target else "",
        "grantd.resources": record.resources if known_target else (),
        "grantd.scopes_granted": record.scopes_granted,
        "grantd.rules": tuple(dict.fromkeys(record.rules.values())),
        "grantd.bundle.version": record.bundle_version,
        "grantd.bundle.epoch": record.bundle_epoch,
        "grantd.chain": record.chain,
        "grantd.jti_hash": record.jti_hash,
        "grantd.token_hash": record.token_hash,
        "user.hash": record.subject,
    }
    return {name: bounded(value) for name, value in found.items() if value and name in names.ATTRIBUTES}


def bounded(value: Value) -> Value:
    """Cuts a value at `LONGEST` characters and drops whatever begins like a token."""
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return _bounded_text(value)
    kept: list[str] = []
    room = LONGEST
    for part in value:
        text = _bounded_text(part)
        room -= len(text)
        if room < 0:
            kept.append("…")
            break
        kept.append(text)
    return tuple(kept)


def _bounded_text(text: str) -> str:
    if _JWS_START in text:
        return REDACTED
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
