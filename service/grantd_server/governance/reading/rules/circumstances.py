"""Reads the conditions on network and time of a grant rule."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.texts import scalars
from grantd_server.policy.clauses.circumstances import DAYS, Network, Networks, Window

if TYPE_CHECKING:
    from grantd_server.governance.reading.texts.fields import Fields
    from grantd_server.governance.reading.texts.nodes import Node

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")
_UTC = ZoneInfo("UTC")


def read_networks(inside: Fields) -> Networks | None:
    """`network`: CIDR blocks."""
    networks = inside.each("network", _network, required=False)
    return Networks(networks) if networks else None


def read_window(inside: Fields) -> Window | None:
    """`time`: days, from, to and the time zone they are meant in."""
    fields = inside.inside("time")
    if fields is None:
        return None
    window = Window(
        days=frozenset(fields.each("days", _day)),
        since=fields.required("from", _minute, 0),
        until=fields.required("to", _minute, 1440),
        timezone=fields.required("timezone", _timezone, _UTC),
    )
    if fields.sound and window.since in {window.until, 1440}:
        fields.wrong("from", "the window is empty")
    fields.close()
    return window


def _network(node: Node) -> Network:
    value = scalars.text(node)
    try:
        network = ipaddress.ip_network(value)
    except ValueError:
        raise Wrong(f'"{value}" is not a network such as 10.0.0.0/8, with no bits set beyond its prefix') from None
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise Wrong(f'"{value}" is made of IPv4 addresses; write it as an IPv4 network, or it would match nobody')
    return network


def _day(node: Node) -> int:
    if node.value not in DAYS:
        raise Wrong(f"one of {', '.join(DAYS)} is expected, not {scalars.shown(node)}")
    return DAYS.index(str(node.value))


def _minute(node: Node) -> int:
    found = _CLOCK.fullmatch(node.value) if isinstance(node.value, str) else None
    if found is None:
        raise Wrong(f"a time of day from 00:00 to 24:00 is expected, such as 08:00, not {scalars.shown(node)}")
    hours, minutes = found[0].split(":")
    return int(hours) * 60 + int(minutes)


def _timezone(node: Node) -> ZoneInfo:
    value = scalars.text(node)
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Wrong(f'"{value}" is not a time zone of this machine, such as Europe/Berlin or UTC') from None
