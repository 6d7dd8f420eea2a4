"""What is live beside the bundle: epochs, blocks, revocations; part of the contract of `store`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

RESTORED: Final = "restored"
"""The kind of a withdrawal of every grant that was issued before a time, which is its name in
seconds since the epoch: a database that came back from a backup forgot which were used."""


@dataclass(frozen=True, slots=True)
class Epochs:
    """The one epoch row: what the live state was when a decision was made."""

    bundle: int = 0
    withdrawals: int = 0
    revocations: int = 0


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A revoked node of a chain: a token by digest, or a whole chain."""

    digest: bytes
    expires: int
    """When the token would have expired; the row may go after that and the skew."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A block of a user, client, issuer, resource, credential or kid. It outlives
    activation and rollback of bundles."""

    kind: str
    name: str
    reason: str
    until: int | None
    """Seconds since the epoch; None: until lifted."""
    author: str = ""
    """Who blocked it; empty where a release before this one did."""
    written: int = field(default=0, compare=False)
    """When, by the database clock; the database says it."""

    @property
    def words(self) -> str:
        """For an explanation. Of a user neither the name nor the reason, which may hold
        it: a decision keeps nobody's name."""
        what = "a user" if self.kind == "user" else f"{self.kind} {self.name} ({self.reason})"
        return f"{what}, blocked until {'it is lifted' if self.until is None else self.until}"


@dataclass(frozen=True, slots=True)
class LiveState:
    """One poll of the live state."""

    epochs: Epochs
    withdrawals: tuple[Withdrawal, ...]
    tombstones: tuple[Tombstone, ...]
    """Those written since the last poll, and somewhat before: overlapping, idempotent."""
    now: int
    """The database clock, seconds since the epoch."""
    newest: int = 0
    """When the newest tombstone was written: what the next poll goes on from. Not `now`:
    a row may be committed long after the moment that it names."""
