"""The clauses that read where from and when. Neither changes by signing in again."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from grantd_server.policy.wording import UNKNOWN_TEXT, one_of

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from grantd_server.model.bundle.rules import GrantInputs
    from grantd_server.policy.clauses.who import Attempt

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of `datetime.weekday`."""


@dataclass(frozen=True, slots=True)
class Networks:
    """Where the client is seen: any of the networks."""

    values: tuple[Network, ...]
    name: str = "require.network"
    about_sign_in: bool = False

    def holds(self, inputs: GrantInputs) -> bool | None:
        address = read_address(inputs.address)
        if address is None:
            return None
        return any(address in network for network in self.values)

    def expected(self) -> str:
        return one_of([str(network) for network in self.values])

    def got(self, inputs: GrantInputs) -> str:
        address = read_address(inputs.address)
        return UNKNOWN_TEXT if address is None else str(address)


def read_address(raw: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Reads an address. An IPv4 address in IPv6 clothes (`::ffff:10.0.0.1`, as a dual
    stack listener sees it) is that IPv4 address, or it would slip past a deny."""
    try:
        address = ipaddress.ip_address(raw or "")
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of some days of the week. Where `until` is not after `since` the window
    runs over midnight and belongs to the day it began."""

    days: frozenset[int]
    since: int
    """Minutes after midnight, inclusive."""
    until: int
    """Minutes after midnight, exclusive; 1440 is the end of the day."""
    timezone: ZoneInfo
    name: str = "require.time"
    about_sign_in: bool = False

    def holds(self, inputs: Attempt) -> bool | None:
        local = datetime.fromtimestamp(inputs.now, self.timezone)
        minute = local.hour * 60 + local.minute
        if self.since < self.until:
            return local.weekday() in self.days and self.since <= minute < self.until
        if minute >= self.since:
            return local.weekday() in self.days
        yesterday = (local - timedelta(days=1)).weekday()
        return minute < self.until and yesterday in self.days

    def expected(self) -> str:
        days = " ".join(DAYS[day] for day in sorted(self.days))
        return f"{days} {_clock(self.since)}-{_clock(self.until)} {self.timezone.key}"

    def got(self, inputs: Attempt) -> str:
        local = datetime.fromtimestamp(inputs.now, self.timezone)
        return f"{DAYS[local.weekday()]} {local:%H:%M} {self.timezone.key}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
