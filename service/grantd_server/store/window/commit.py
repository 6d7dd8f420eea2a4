"""What the window asks of a database: one transaction at a time, a batch a step.

A database keeps these promises and decides nothing: which marks are tried first,
what a loser's record says and how records are chained is the window's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from grantd_server.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from grantd_server.audit.chain import Head
    from grantd_server.store import Epochs, Issued, Mark, StoredEntry, Tombstone
    from grantd_server.store.refresh_tokens import RefreshToken
    from grantd_server.store.window.settlement import Job


class Busy(StoreUnavailable):
    """Another process is writing; to be tried again."""


class Collided(Busy):
    """Two transactions stood in each other's way, and this one was given up for it; it is
    to be tried again as it is."""


class Unanswered(Exception):
    """COMMIT was sent, and no answer came that tells what became of it."""


class Transaction(Protocol):
    """One transaction under way. Its own writes are visible to its reads."""

    async def standing(self, chains: Collection[str]) -> tuple[Epochs, frozenset[str]]:
        """Reads the one epoch row, and which of these chains have a tombstone. Nobody
        moves the live state, or ends one of the chains, between this and COMMIT."""

    async def remember(self, marks: Sequence[tuple[Mark, str]]) -> list[str | None]:
        """Tries each mark for a decision id, in order. None where that decision won,
        else the id of the decision that used the mark up. Identical marks in one
        batch: one wins. The insert is the decision; nothing is looked up before. A mark
        with an owner is won by whoever it is bound to, until a use that spends it."""

    async def issue(self, issued: Sequence[Issued]) -> None:
        """Notes tokens that this transaction issues."""

    async def keep(self, tokens: Sequence[RefreshToken]) -> None:
        """Keeps refresh tokens; a parent is rotated, and forgets whose it was."""

    async def bury(self, tombstones: Sequence[Tombstone]) -> None:
        """Writes tombstones, and one for every live token of a chain among them."""

    async def claim(self, writer: str) -> Head:
        """Starts a new epoch of this writer from the head read back."""

    async def append(self, head: Head, rows: Sequence[StoredEntry]) -> bool:
        """Writes chained records and moves the writer's head to the last of them; False,
        and nothing to be committed, when somebody else claimed the writer."""

    async def commit(self) -> None:
        """Commits durably.

        Raises:
            Unanswered: nobody can say whether it took effect.
            StoreUnavailable: it did not.
        """

    async def rollback(self) -> None:
        """Gives everything up; also after a fault that already did."""


class Database(Protocol):
    """Where transactions come from."""

    async def begin(self, jobs: Sequence[Job]) -> Transaction:
        """Starts a transaction for these jobs. A database with several writers takes the
        locks that they need here, all at once and in one order.

        Raises:
            Busy: another process is writing.
            StoreUnavailable: there is no connection.
        """

    def discard(self) -> None:
        """Drops the connection; the next `begin` makes a new one."""

    def turned(self, fault: Exception) -> Exception:
        """Turns a driver's fault into `StoreUnavailable`, without a value of any row."""
