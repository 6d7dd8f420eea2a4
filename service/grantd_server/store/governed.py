"""What administrators change: bundles, which one is in force, blocks; part of the contract of `store`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from grantd_server.store import Entry
    from grantd_server.store.live_state import Withdrawal


@dataclass(frozen=True, slots=True)
class Activation:
    """One flip of the pointer."""

    epoch: int
    version: str
    author: str
    why: str
    decision_id: str
    """Its record; empty where it was made by a release that did not note it."""
    written: int
    """Seconds since the epoch, by the database clock, as are the others."""


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """One version, and when it was last put in force."""

    version: str
    written: int
    author: str
    why: str
    epoch: int
    """0 where it never was in force, as is the next."""
    activated: int
    activated_by: str


@dataclass(frozen=True, slots=True)
class Below:
    """What hangs below a chain or a family of refresh tokens."""

    live: int
    """Tokens and grants that have not expired."""
    until: int
    """When the last of them ends; 0 where there is none."""


class Governed(Protocol):
    """The part of a store that only administrators change."""

    async def put_bundle(self, version: str, document: bytes, author: str, why: str) -> None:
        """Stores an immutable bundle version; the same version again is a no-op."""

    async def activate(self, version: str, expected: int, entry: Entry, *, author: str = "", why: str = "") -> int:
        """Points at `version` if the epoch is `expected`, and returns the new epoch;
        Conflict when somebody else activated meanwhile."""

    async def active_bundle(self) -> tuple[int, str, bytes] | None:
        """Reads epoch, version and document of the active bundle."""

    async def withdraw(self, withdrawal: Withdrawal, entry: Entry) -> None:
        """Blocks something, on record."""

    async def restore(self, kind: str, name: str, entry: Entry) -> bool:
        """Lifts a block, on record; False when there was none."""

    async def bundle(self, version: str) -> bytes | None:
        """Reads the document of a version."""

    async def bundles(self, limit: int, before: str = "") -> list[StoredBundle]:
        """Lists versions, the newest first; `before` is the last version of a page."""

    async def activation(self) -> Activation | None:
        """Reads who put the active bundle in force, and when."""

    async def below(self, chain: str) -> Below:
        """Tells what revoking a chain would revoke with it."""
