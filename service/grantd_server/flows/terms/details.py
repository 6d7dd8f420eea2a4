"""Authorization details on both legs (RFC 9396): read with bounds, judged by their
schemas, granted together with the scope that they belong to and never beyond it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from grantd.strict import Fault, read_object
from grantd_server.model.bundle.details import Detail
from grantd_server.policy import combining
from grantd_server.refusals import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from grantd_server.audit.record import Record
    from grantd_server.governance.snapshot import Snapshot

LONGEST = 8192
"""Characters of one `authorization_details` parameter."""
MOST = 16
"""Objects of one grant."""

_WRAPPED = '{"authorization_details":'


class Reading(NamedTuple):
    """Whose details are read, and how each fault is refused."""

    record: Record
    snapshot: Snapshot
    server: str
    """Name of the authorization server whose types count."""
    check: str
    malformed: Reason
    unknown: Reason
    invalid: Reason


def request_reading(record: Record, snapshot: Snapshot, server: str) -> Reading:
    """For the parameter of a request (A-17)."""
    reasons = (Reason.DETAILS_MALFORMED, Reason.DETAILS_TYPE_UNKNOWN, Reason.DETAILS_NOT_OF_TYPE)
    return Reading(record, snapshot, server, "request.authorization_details", *reasons)


def grant_reading(record: Record, snapshot: Snapshot, server: str) -> Reading:
    """For the claim of a grant (B-37)."""
    reason = Reason.ASSERTION_DETAILS
    return Reading(record, snapshot, server, "assertion.authorization_details", reason, reason, reason)


def read_parameter(reading: Reading, raw: str) -> tuple[Detail, ...]:
    """Reads the parameter; one object that is not right fails the request."""
    known = any(server == reading.server for server, _ in reading.snapshot.detail_types)
    reading.record.require(
        reading.check, known, Reason.DETAILS_UNSUPPORTED, "a server with types of them", otherwise="present"
    )
    short = len(raw) <= LONGEST
    reading.record.require(reading.check, short, reading.malformed, f"{LONGEST} characters at most", len(raw))
    try:
        # The strict reader reads objects; the parameter is an array.
        whole = read_object(f"{_WRAPPED}{raw}}}".encode(), "json")
    except (Fault, UnicodeEncodeError):
        raise reading.record.refuse(reading.check, reading.malformed, "a JSON array", "another text") from None
    alone = whole.keys() == {"authorization_details"}
    reading.record.require(reading.check, alone, reading.malformed, "a JSON array", otherwise="more than an array")
    return read_values(reading, whole["authorization_details"])


def read_values(reading: Reading, raw: object) -> tuple[Detail, ...]:
    """Reads an array of objects, each of a registered type and valid by its schema."""
    record = reading.record
    if not isinstance(raw, list) or not 1 <= len(raw) <= MOST:
        raise record.refuse(reading.check, reading.malformed, f"an array of 1 to {MOST} objects", "another value")
    details = tuple(_detail(reading, value) for value in raw)
    record.noted(reading.check, "objects of registered types", [detail.kind.name for detail in details])
    return details


def _detail(reading: Reading, raw: object) -> Detail:
    record = reading.record
    if not isinstance(raw, dict) or not isinstance(raw.get("type"), str):
        raise record.refuse(reading.check, reading.malformed, "objects, each with a type", "another value")
    kind = reading.snapshot.detail_types.get((reading.server, raw["type"]))
    if kind is None:
        known = sorted(kind for server, kind in reading.snapshot.detail_types if server == reading.server)
        raise record.refuse(reading.check, reading.unknown, known, raw["type"])
    fault = kind.fault(raw)
    record.require(
        reading.check, fault is None, reading.invalid, f"{kind.name} as its schema says", otherwise=fault or ""
    )
    return Detail(kind, raw)


class Agreed(NamedTuple):
    """Scopes and details that go together."""

    scopes: tuple[str, ...]
    details: tuple[Detail, ...]


def agree(
    record: Record,
    details: tuple[Detail, ...],
    scopes: tuple[str, ...],
    resources: Collection[str],
    rule_of: Callable[[Detail], str | None],
) -> Agreed:
    """What goes together (`policy.combining`), on record object by object."""
    agreement = combining.agree(details, scopes, resources, rule_of)
    for number, (detail, rule) in enumerate(zip(details, agreement.rules, strict=True)):
        label = combining.label(detail.kind.type, number)
        if rule is not None:
            record.rules[label] = rule
        else:
            record.refused_scopes[label] = "no_rule" if detail.kind.scope in scopes else "scope_not_granted"
    kept = tuple(detail for detail, rule in zip(details, agreement.rules, strict=True) if rule is not None)
    record.noted("policy.details", f"{len(details)} asked", f"{len(kept)} granted")
    return Agreed(agreement.scopes, kept)


def detail_claims(details: tuple[Detail, ...]) -> dict[str, object]:
    """The claim of a grant or an access token; none where nothing was granted (A-60)."""
    return {"authorization_details": [detail.value for detail in details]} if details else {}


def as_json(details: tuple[Detail, ...]) -> str | None:
    """The objects as text; None where there are none."""
    values = [detail.value for detail in details]
    return json.dumps(values, separators=(",", ":"), ensure_ascii=False) if values else None


def same(detail: Detail) -> str:
    """One text for one object. Values are compared as JSON: to Python, true is 1."""
    return json.dumps(detail.value, sort_keys=True, separators=(",", ":"))
