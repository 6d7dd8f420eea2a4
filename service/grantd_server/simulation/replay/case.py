"""One recorded decision, taken apart: what it read, and how it ended.

The engine gets the first and never sees the second: `Case` has no outcome, so that a
replay cannot but decide again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from grantd_server.policy.combining import label
from grantd_server.policy.recorded import from_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.model.bundle.rules import GrantInputs, RedemptionInputs

Access = tuple[str, str]
"""A resource as the call spelled it, and a scope of it."""

ENDED_BEFORE: Final = "ended before policy"
FAILED: Final = "failed on our side"
FORMAT: Final = "are of another format"
TOO_LONG: Final = "asked for more than is recorded"

LIVE_CHECKS: Final = frozenset(
    {
        "target.audience_blocked", "target.resource_blocked", "resource.not_blocked", "subject.not_blocked",
        "subject.first_use", "client.assertion.first_use", "dpop.first_use", "assertion.first_use",
    }
)  # fmt: skip
"""Checks of live state. One that failed then fails again: blocks and used tokens are no
part of a bundle."""


class Skipped(Exception):
    """A record that cannot be replayed; the text says why, in a few words."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a decision is a function of, beside the bundle."""

    leg: int
    issuer: str
    """The grant issuer, or the authorization server, that was asked."""
    client: str
    client_id: str
    subject: str
    """The user's pseudonym."""
    subject_key: str
    """The key that pseudonyms were made with."""
    version: str
    """The bundle by which the sign-in was read: it says what of it went on record."""
    person: GrantInputs | RedemptionInputs
    """Who asks; its resource and scopes are those of the first resource."""
    asked: Mapping[str, Any]
    names: tuple[str, ...]
    """Of records that do not say how resources were spelled: their names."""
    stopped: bool
    """Whether a check of live state ended it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a decision ended."""

    granted: Mapping[Access, str]
    """Each scope at each resource, with the rule that granted it."""
    names: Mapping[str, str]
    """Spelling to the resource's name then."""


def read_record(body: bytes, pseudonyms: Mapping[str, str]) -> tuple[Case, Ended]:
    """Takes one record apart; `pseudonyms` gives those that a rule names their names back.

    Raises:
        Skipped: it is no decision of policy, or cannot be read.
    """
    try:
        record = orjson.loads(body)
        return _case(record, pseudonyms), _ended(record)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise Skipped(FORMAT) from None


def _case(record: Mapping[str, Any], pseudonyms: Mapping[str, str]) -> Case:
    if record["outcome"] == "failed":
        raise Skipped(FAILED)
    inputs = record.get("inputs")
    if not inputs:
        raise Skipped(ENDED_BEFORE)
    asked = record.get("asked")
    if asked is not None and "cut" in asked:
        raise Skipped(TOO_LONG)
    if asked is None and (len(inputs) > 1 or not inputs[0]["resource"]):
        raise Skipped(FORMAT)
    first = inputs[0]
    return Case(
        leg=first["leg"],
        issuer=record["issuer"],
        client=record["client"],
        client_id=record["client_id"],
        subject=record.get("subject", ""),
        subject_key=record.get("subject_key", ""),
        version=record["bundle_version"],
        person=from_json(first, pseudonyms),
        asked={"audience": [record["audience"]]} if asked is None else asked,
        names=(first["resource"],) if asked is None else (),
        stopped=_stopped(record),
    )


def _stopped(record: Mapping[str, Any]) -> bool:
    checks = record.get("checks") or [["", "", True]]
    return not checks[-1][2] and checks[-1][1] in LIVE_CHECKS


def _ended(record: Mapping[str, Any]) -> Ended:
    inputs = record["inputs"]
    names = {one.get("uri", one["resource"]): one["resource"] for one in inputs if one["resource"]}
    if record["outcome"] != "granted":
        return Ended({}, names)
    rules, scopes = record["rules"], record["scopes_granted"]
    # On leg 1 some of several may be granted; on leg 2 all are, or none.
    some = "asked" in record and inputs[0]["leg"] == 1
    resources = record["resources"] if some else list(names)
    granted = {(resource, scope): rules[scope] for resource in resources for scope in scopes}
    details = record.get("asked", {}).get("details", ())
    for number, one in enumerate(details if isinstance(details, list) else ()):
        name = label(one["type"], number)
        if name in rules:
            granted["", name] = rules[name]
    return Ended(granted, names)
