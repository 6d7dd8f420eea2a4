"""Which addresses an outside call may reach: public ones, and what an operator declares.

A name in somebody's metadata must not lead into our own network (SSRF). Addresses
that embed another one are refused whole, because what they reach is decided by a
gateway that we do not see.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LOOPBACK: Final[tuple[Network, ...]] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

PRIVATE: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
)
"""Networks of companies. Link-local ones are not among them: there, clouds keep secrets."""

_UNICAST: Final = ipaddress.ip_network("2000::/3")
"""All of IPv6 that is handed out; NAT64, IPv4-compatible and local ranges lie outside."""

# `is_global` alone is not enough: it is true for these.
_FORBIDDEN: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "224.0.0.0/4",  # multicast
        "2001::/23",  # Teredo and other protocol assignments
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)


class ForbiddenAddress(Exception):
    """An outside call would have left the public address space."""


def is_loopback(address: Address) -> bool:
    """True for an address of this machine only."""
    return any(address in network for network in LOOPBACK)


def permit(text: str, own: Collection[Network] = ()) -> Address:
    """Reads an address and lets it pass, or raises ForbiddenAddress.

    `own` are networks that an operator declared: an identity provider inside the
    company has a private address.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ForbiddenAddress("not an address") from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in own):
        return address
    global_unicast = address.version == 4 or address in _UNICAST
    if not global_unicast or not address.is_global or any(address in network for network in _FORBIDDEN):
        raise ForbiddenAddress(f"{address} is not a public address")
    return address
