"""How much and how long the shim reads before it refuses. One fact, one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network


@dataclass(frozen=True, slots=True)
class ShimLimits:
    """Bounds of one HTTP request; sizes in bytes, times in seconds."""

    body_bytes: int = 96 * 1024
    """A form with a 64 KiB SAML assertion in base64 fits; more is 413 (F-08)."""
    body_seconds: float = 10.0
    """From the end of the head to the end of the body; longer is 408."""
    fields: int = 64
    """Fields of one form, empty ones included. The protocols have 14 names."""
    head_bytes: int = 64 * 1024
    """Request line and headers together; more is 400 and close."""
    head_seconds: float = 10.0
    """From the first byte awaited to the end of the head; longer is a close."""
    authorization_bytes: int = 24 * 1024
    """The Authorization header."""
    dpop_bytes: int = 8 * 1024
    """One `DPoP` header."""
    message_bytes: int = 128 * 1024
    """The gRPC message that comes of it: what the service is set to receive."""
    call_seconds: float = 5.0
    """The deadline of each RPC."""
    issuers_seconds: float = 1.0
    """How old the list of issuers may be, and how long a new one is waited for."""
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Peers whose `X-Forwarded-For` is believed; nobody by default."""
    certificate_header: bytes | None = None
    """The header, in lower case, in which a TLS terminator tells the client's certificate."""
    certificate_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """The terminators that are believed in that; nobody by default (D-12)."""
    error_uri: str | None = None
    """The page of one decision, see `model.decision_page`; without it refusals name none."""
    cors: bool = False
    """Lets scripts of any origin read metadata and keys, and nothing else (F-30)."""
