"""Decisions of some time, by their ids: an id begins with the time, so that the primary
key finds them and keeps their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DECISIONS: Final = ("ExchangeIdentity", "RedeemGrant")
"""The calls whose records are decisions of policy."""

PAGE: Final = 500
"""Records read at a time: one long read would keep a running service from tidying up."""

_TIME: Final = slice(1, 13)
"""The milliseconds in an id, hexadecimal."""


@dataclass(frozen=True, slots=True)
class DecisionSpan:
    """Where decisions of some time are, by the clocks that wrote them."""

    first_us: int
    last_us: int
    records: int
    """All of that time: some are of other calls."""


def id_bounds(since_us: int, until_us: int) -> tuple[str, str]:
    """What ids of that time are between: they all are longer than a bound."""
    return f"d{max(0, since_us) // 1000:012x}", f"d{max(0, until_us) // 1000:012x}"


def span_of(first: str | None, last: str | None, records: int) -> DecisionSpan | None:
    """The time that a first and a last id stand for."""
    if first is None or last is None:
        return None
    return DecisionSpan(int(first[_TIME], 16) * 1000, int(last[_TIME], 16) * 1000, records)
