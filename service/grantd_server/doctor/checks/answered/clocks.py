"""Clocks, by the Date header: of two parties that check each other's times, and of here."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from grantd.claims import SKEW
from grantd_server.doctor.findings import Finding, Party, Row, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.doctor.reading.exchanges import Exchange
    from grantd_server.doctor.reading.view import View

APART = Row(
    "clock.apart", Severity.ERROR, f"Two clocks are more than {SKEW} s apart.",
    "Synchronise both (NTP): what one has just issued, the other takes for expired or for not yet valid.",
)  # fmt: skip
NEAR = Row(
    "clock.near", Severity.WARNING, "Two clocks are more than 10 s apart.",
    "Synchronise both (NTP) before they drift further.",
)  # fmt: skip
HERE_OFF = Row(
    "clock.here", Severity.WARNING, "The clock of this machine is off.",
    "Synchronise it, or the other, if only one party was asked.",
)  # fmt: skip
UNKNOWN = Row(
    "clock.unknown", Severity.NOTE, "The answers have no time.",
    "Nothing; with a Date header its clock could have been compared.",
)  # fmt: skip
ROWS: Final = (APART, NEAR, HERE_OFF, UNKNOWN)

NOTICED: Final = 10.0
"""Seconds: less is what honest machines have."""
_PAIRS: Final = (
    (Party.PROVIDER, Party.ISSUER), (Party.ISSUER, Party.SERVER), (Party.SERVER, Party.RESOURCE),
)  # fmt: skip
"""Each signs times that the other checks."""


@dataclass(frozen=True, slots=True)
class Offset:
    """By how many seconds a clock is ahead of ours: between two bounds, because Date has
    whole seconds and answers take their time."""

    least: float
    most: float

    def apart(self, other: Offset) -> float:
        """The least that two clocks can be apart."""
        return max(0.0, self.least - other.most, other.least - self.most)


def check(view: View) -> Iterator[Finding]:
    """Compares the clocks of all parties that were asked."""
    offsets = offsets_of(view)
    identifiers = {issuer.party: issuer.identifier for issuer in view.issuers}
    if view.resource is not None:
        identifiers[Party.RESOURCE] = view.resource.identifier
    asked = {party for party, exchange in view.exchanges() if exchange.answer is not None}
    for party, identifier in identifiers.items():
        if party in asked and party not in offsets:
            yield UNKNOWN.at(party, identifier)
    for one, other in _PAIRS:
        if one in offsets and other in offsets:
            yield from _pair(offsets, one, other, identifiers[other])
    here = Offset(0.0, 0.0)
    if offsets and all(each.apart(here) > NOTICED for each in offsets.values()):
        told = "; ".join(f"{party.value} {_told(each)}" for party, each in offsets.items())
        yield HERE_OFF.at(Party.HERE, "clock", told)


def offsets_of(view: View) -> Mapping[Party, Offset]:
    """The closest bounds for each party."""
    found: dict[Party, Offset] = {}
    for party, exchange in view.exchanges():
        offset = _offset(exchange)
        if offset is not None:
            best = found.get(party, offset)
            found[party] = min(best, offset, key=lambda each: each.most - each.least)
    return found


def _offset(exchange: Exchange) -> Offset | None:
    # A copy that a cache kept has the time at which it was made.
    if exchange.header("age") not in {"", "0"}:
        return None
    try:
        date = parsedate_to_datetime(exchange.header("date")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return Offset(date - exchange.received_at, date + 1 - exchange.sent_at)


def _pair(offsets: Mapping[Party, Offset], one: Party, other: Party, subject: str) -> Iterator[Finding]:
    apart = offsets[one].apart(offsets[other])
    if apart > NOTICED:
        evidence = (
            f"{apart:.0f} s at least; compared with here, the {one.value} {_told(offsets[one])}, "
            f"the {other.value} {_told(offsets[other])}"
        )
        yield (APART if apart > SKEW else NEAR).at(other, subject, evidence)


def _told(offset: Offset) -> str:
    middle = (offset.least + offset.most) / 2
    return f"{abs(middle):.0f} s {'ahead' if middle >= 0 else 'behind'}"
