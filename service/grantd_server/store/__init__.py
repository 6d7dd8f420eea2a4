"""What a store promises, and the values that cross its edge.

Two implementations keep one contract (tests/test_store_contract.py): SQLite for one
worker, PostgreSQL for several. Nothing here names either.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

from grantd_server.store.governed import Governed
from grantd_server.store.live_state import Epochs as Epochs
from grantd_server.store.live_state import LiveState as LiveState
from grantd_server.store.live_state import Tombstone as Tombstone
from grantd_server.store.live_state import Withdrawal as Withdrawal
from grantd_server.store.questions import Questions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from grantd_server.audit.chain import Head
    from grantd_server.store.records.decided import DecisionSpan
    from grantd_server.store.refresh_tokens import RefreshToken


DAY: Final = 86_400_000_000
"""Microseconds of a day: records leave by whole days."""

MARGIN: Final = 300
"""Seconds that marks and tombstones are kept beyond their time. `until` covers the
allowed skew; this covers a replica whose clock is wrong by as much as readiness lets
pass (hostile case R10)."""

OVERLAP: Final = 10
"""Seconds that one poll reads again: a row may commit after a later one was seen."""


class StoreUnavailable(Exception):
    """The store could not be reached in time. Nothing was used up."""


class OutcomeUnknown(Exception):
    """COMMIT was sent and not answered. The call may or may not have taken effect:
    it is never retried, never released, and its token is revoked on reconnect."""


class Conflict(Exception):
    """A compare-and-swap found another value than expected."""


class Space(IntEnum):
    """Separate replay namespaces (G-18)."""

    ID_JAG = 1
    CLIENT_ASSERTION = 2
    DPOP = 3
    SAML = 4
    REFRESH = 5
    """Rotation: a refresh token is replaced once."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One use of a one-time token, or of one that binds to its first user: whose insert is first wins, until `until`."""

    space: Space
    issuer: str
    """Who made the jti unique: an issuer, or a client id at an issuer."""
    digest: bytes
    """SHA-256 of the jti (G-19), 32 bytes."""
    until: int
    """Seconds since the epoch: expiry plus every clock-skew window (G-20)."""
    uses: int = 1
    """How many times it may be used; each use is one row."""
    owner: str = ""
    """Whom the first use binds it to: the same owner may use it again, nobody else may.
    Empty: the first use is the only one."""
    spends: bool = False
    """Whether this use of an owned one is the last, also for its owner."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One durable record, before it is chained."""

    id: str
    time_us: int
    rpc: str
    outcome: str
    reason: str
    issuer: str
    client: str
    subject: str
    chain: str
    body: bytes
    """Canonical JSON of the whole record."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that the same transaction issues, so that revoking a chain finds it."""

    digest: bytes
    """SHA-256 of its jti."""
    chain: str
    """The chain it belongs to: the digest (hex) of the (issuer, jti) of its ID-JAG."""
    expires: int


@dataclass(frozen=True, slots=True)
class Write:
    """What one call wants written, all or nothing."""

    entry: Entry
    marks: tuple[Mark, ...] = ()
    """In order: client assertion and DPoP first, the ID-JAG only if those won."""
    lost: Callable[[Mark, str], Entry] | None = None
    """The record to write instead when a mark was used before; told which, and the
    decision id of the winner. Marks before it stay used. It must be pure: a transaction
    that is tried again asks again, and may then find the mark unused."""
    epochs: Epochs | None = None
    """What the decision saw; None where nothing of it matters (a refusal)."""
    issued: tuple[Issued, ...] = ()
    tombstones: tuple[Tombstone, ...] = ()
    refresh_tokens: tuple[RefreshToken, ...] = ()
    """To be kept; one with a parent takes its place."""
    deadline: float | None = None
    """Monotonic seconds; too little time left is refused before it queues."""


@dataclass(frozen=True, slots=True)
class Committed:
    """Written, durably."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A mark was used before; the `lost` record is written instead."""

    mark: Mark
    winner: str
    """The decision id that used it."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The live state moved past the decision's: nothing was written; decide again."""

    epochs: Epochs
    buried: str = ""
    """The revoked chain that the write would have issued on; empty when an epoch moved."""


Outcome = Committed | Lost | Moved


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A durable record with its place in its writer's chain."""

    entry: Entry
    writer: str
    writer_epoch: int
    seq: int
    prev_hash: bytes
    hash: bytes


class Store(Governed, Questions, Protocol):
    """What the road needs. Every call is bounded in time; a failure that provably
    precedes COMMIT is `StoreUnavailable`, any other `OutcomeUnknown`."""

    async def start(self) -> None:
        """Reaches the database and holds it to this release's schema.

        Raises:
            SchemaMismatch: it has another one; nothing was touched.
        """

    async def write(self, write: Write) -> Outcome:
        """Joins the open window and answers after its COMMIT."""

    async def write_behind(self, rows: Sequence[dict[str, Any]], table: str) -> None:
        """Upserts aggregates of class 2 (`introspections`) or 3 (`refusals`)."""

    async def live_state(self, since: int, seen: int | None = None) -> LiveState:
        """Reads epochs, withdrawals, and tombstones written after `since` (`newest` of
        a poll before, or 0) less an overlap; none where nothing was revoked since that
        poll, as its revocation epoch, `seen`, and `newest` tell."""

    async def changed(self, seconds: float) -> None:
        """Waits until the live state may have changed, at most so long."""

    async def entry(self, decision_id: str) -> StoredEntry | None:
        """Reads one record."""

    def history(self) -> AsyncIterator[StoredEntry]:
        """Reads every record, each writer's chain in its order."""

    def decisions(self, since_us: int, until_us: int) -> AsyncIterator[Sequence[tuple[str, bytes]]]:
        """Reads id and body of decisions of that time, oldest first; between pages nothing is held."""

    async def decision_span(self, since_us: int, until_us: int) -> DecisionSpan | None:
        """Where in that time records are, and how many; None where there are none."""

    async def heads(self) -> list[Head]:
        """Reads the end of every writer's chain."""

    async def aggregates(self, table: str, limit: int = 100) -> list[dict[str, Any]]:
        """Reads the newest rows of class 2 (`introspections`) or 3 (`refusals`)."""

    async def refresh_token(self, digest: bytes) -> RefreshToken | None:
        """Reads a refresh token, whatever became of it, until its family ends."""

    async def prunable(self, before_us: int) -> list[Head]:
        """The last record of each chain, as its head, among those written on the days (UTC,
        database clock) that ended at `before_us`: where a prune would cut each chain."""

    async def prune(self, before_us: int) -> list[Head]:
        """Deletes those records and returns where each chain was cut; the next goes on with one interrupted."""

    async def purge(self) -> int:
        """Deletes one bite of what outlived its time by the database clock, or its cap; how many rows went."""

    async def ping(self) -> None:
        """Proves that a transaction can be committed now."""

    async def close(self) -> None:
        """Commits what waits and closes."""
