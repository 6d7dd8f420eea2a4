"""Who calls over gRPC: an identity from the TLS peer, and its one role."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Role(Enum):
    """What a caller is for; the table of methods per role is in `rpc.chain.callers`."""

    SHIM = "shim"
    SERVICE = "service"
    RESOURCE_SERVER = "resource_server"
    ADMIN = "admin"
    AUDITOR = "auditor"
    OBSERVER = "observer"
    UNKNOWN = "unknown"
    """Nobody this service knows; may call nothing."""


ADMINISTRATION = frozenset({Role.ADMIN, Role.AUDITOR, Role.OBSERVER})
"""Who governs and who looks on; none of them may speak for a client."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A gRPC caller. Its roles come only from its TLS peer."""

    identity: str
    """`spiffe://…`, a DNS name, or `in-process` / `loopback` without TLS."""
    role: Role
