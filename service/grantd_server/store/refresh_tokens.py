"""A refresh token of ours as it is kept: by its hash, and nothing of the person in clear."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One refresh token of a family: all that descend from one sign-in by rotation."""

    digest: bytes
    """SHA-256 of the token."""
    family: str
    """The chain (hex) that the family is: its tombstone revokes all of it at once."""
    parent: bytes | None
    """The token it replaced, by digest; None for the first of a family."""
    issuer: str
    client_id: str
    """The only client that may use it, by its id at `issuer`."""
    issued: int
    expires: int
    """Seconds since the epoch."""
    family_expires: int
    """No rotation lives beyond this; until then a rotated token is remembered, so that
    it is noticed when it comes again."""
    sealed: bytes = field(repr=False)
    """The sign-in, encrypted under the token itself; empty once it was rotated."""
    rotated: int | None = None
    """When another token took its place."""
