"""What only the HTTP side can see: the client's address, DPoP proofs, the trace.

The service takes these facts from the shim alone, so nothing unchecked goes in.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from grantd.v1.authorization_pb2 import WIRE_FAULT_BODY_TOO_LARGE
from grantd.v1.client_pb2 import Observed
from grantd_server.shim.faults import WireRefused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from ipaddress import IPv4Network, IPv6Network

    from grantd_server.shim.limits import ShimLimits
    from grantd_server.shim.request.head import Head

_TRACEPARENT = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context section 3.2; `tracestate` and `baggage` are dropped."""

_MOST_HOPS = 32
"""Hops of `X-Forwarded-For` looked at, from the right."""


def observe(head: Head, limits: ShimLimits) -> Observed:
    """States what was seen of a request, without its proofs."""
    return Observed(
        client_address=client_address(head, limits.trusted_proxies),
        http_method=head.method,
        traceparent=_traceparent(head),
    )


def read_proofs(head: Head, most: int) -> list[str]:
    """Every `DPoP` header in order; the service counts and verifies them.

    Raises:
        WireRefused: one is longer than `most`.
    """
    raw_proofs = head.all(b"dpop")
    if any(len(raw) > most for raw in raw_proofs):
        raise WireRefused(WIRE_FAULT_BODY_TOO_LARGE, "DPoP")
    return [raw.decode("latin-1") for raw in raw_proofs]


def client_address(head: Head, trusted: Sequence[IPv4Network | IPv6Network]) -> str | None:
    """The address of the HTTP client: the TCP peer, or behind trusted proxies the
    right-most hop that is none of them. What stands left of it anyone can write."""
    if head.peer is None:
        return None
    address = _address(head.peer)
    hops = b",".join(head.all(b"x-forwarded-for")).split(b",")[-_MOST_HOPS:]
    while address is not None and hops and _within(address, trusted):
        hop = _address(hops.pop().strip().decode("latin-1"))
        if hop is None:
            break
        address = hop
    return head.peer if address is None else str(address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A dual-stack socket shows 10.0.0.1 as ::ffff:10.0.0.1.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_within(text: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether an address, as text, is of one of the networks."""
    address = _address(text)
    return address is not None and _within(address, networks)


def _within(address: IPv4Address | IPv6Address, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)


def _traceparent(head: Head) -> str | None:
    values = head.all(b"traceparent")
    if len(values) != 1 or _TRACEPARENT.fullmatch(values[0]) is None:
        return None
    return values[0].decode()
