"""Whether a grant issuer remembers sign-ins, and for how long."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RefreshPolicy:
    """How long refresh tokens of a grant issuer last, in seconds."""

    lifetime: int
    """Of one token; rotation starts it anew."""
    session: int
    """Of a whole family, from the sign-in on; rotation never goes beyond."""
