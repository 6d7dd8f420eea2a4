"""What the window asks of a database: one transaction at a time, a batch a step.

A database keeps these promises and decides nothing: which marks are tried first,
what a loser's record says and how records are chained is the window's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from grantd_server.store import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from grantd_server.store import Epochs, Issued, Mark, StoredEntry, Tombstone
    from grantd_server.store.refresh_tokens import RefreshToken


class Busy(StoreUnavailable):
    """Another process is writing; to be tried again."""


class Unanswered(Exception):
    """COMMIT was sent, and no answer came that tells what became of it."""


class Head(NamedTuple):
    """The end of one writer's chain."""

    epoch: int
    seq: int
    hash: bytes


class Transaction(Protocol):
    """One transaction under way. Its own writes are visible to its reads."""

    async def epochs(self) -> Epochs:
        """Reads the one epoch row."""

    async def buried(self, chains: Collection[str]) -> frozenset[str]:
        """Which of these chains have a tombstone."""

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

    async def append(self, rows: Sequence[StoredEntry]) -> None:
        """Writes chained records."""

    async def advance(self, writer: str, head: Head) -> bool:
        """Moves the writer's head; False when somebody else claimed the writer."""

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

    async def begin(self) -> Transaction:
        """Starts a transaction, at once.

        Raises:
            Busy: another process is writing.
            StoreUnavailable: there is no connection.
        """

    def discard(self) -> None:
        """Drops the connection; the next `begin` makes a new one."""

    def turned(self, fault: Exception) -> Exception:
        """Turns a driver's fault into `StoreUnavailable`, without a value of any row."""
