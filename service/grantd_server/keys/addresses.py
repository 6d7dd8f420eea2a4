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

# `is_global` alone is not enough: it is true for NAT64, 6to4 and multicast addresses,
# and its tables change between Python releases.
_FORBIDDEN: Final[tuple[Network, ...]] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by carriers and by clouds
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, and the metadata services of clouds
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",  # multicast, reserved, broadcast
        "::/96",  # unspecified, loopback, IPv4-compatible
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",  # Teredo and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "fc00::/7",
        "fe80::/9",  # link-local and site-local
        "ff00::/8",
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
    if address.is_multicast or not address.is_global or any(address in network for network in _FORBIDDEN):
        raise ForbiddenAddress(f"{address} is not a public address")
    return address
