"""What a scope itself demands, whichever rule grants it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ScopeSignIn:
    """The sign-in that one scope of a resource needs (A-43, A-44)."""

    acr: tuple[str, ...] = ()
    max_auth_age: int | None = None
    """Seconds."""
    since: int | None = None
    """When the scope came to mean more: an older sign-in did not authorize that. Seconds
    since the epoch."""
