"""Withdrawals and revocations in memory: what every call looks at, polled.

A poll overlaps the one before and may be applied twice or late; none undoes a newer
one. The view has an age, and whoever asks it decides how old is too old.
"""

from __future__ import annotations

import contextlib
from math import inf
from typing import TYPE_CHECKING, Final

from grantd_server.store import Epochs, StoreUnavailable
from grantd_server.store.live_state import RESTORED

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd_server.store import LiveState, Store, Withdrawal

INTERVAL: Final = 0.5
"""Seconds between polls: a revocation elsewhere shows here within 2 s, with room for
polls that are lost."""

_KEPT: Final = 300
"""Seconds that a tombstone is remembered beyond the end of its token: no skew that
verification allows may bring a revoked token back."""


class RevocationView:
    """One process's view of the live state."""

    def __init__(self, store: Store, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._monotonic = monotonic
        self._read_at = -inf
        self._now = 0
        self._newest = 0
        self._seen: int | None = None
        """Revocation epoch of the poll that `_newest` is of: what was revoked at once is
        not read again and again until something else is."""
        self._dead: dict[bytes, int] = {}
        self._withdrawn: dict[tuple[str, str], Withdrawal] = {}
        self.epochs = Epochs()
        """What the last poll saw; a decision is recorded and written with it."""
        self.grants_from = 0
        """Grants that were issued before this time are refused; 0 where no backup was restored."""

    def age(self) -> float:
        """Seconds since the last poll that succeeded was begun; infinite before it."""
        return self._monotonic() - self._read_at

    def stale(self, limit: float) -> bool:
        """True when the view is older than `limit` seconds."""
        return self.age() > limit

    def revoked(self, digest: bytes) -> bool:
        """True for the digest of a revoked token or chain."""
        return digest in self._dead

    def withdrawn(self, kind: str, name: str, now: float) -> Withdrawal | None:
        """Finds the block of something; `now` in seconds since the epoch."""
        found = self._withdrawn.get((kind, name))
        # Both clocks must say that it is over: one that runs ahead must not end a block.
        if found is None or (found.until is not None and found.until <= min(now, self._database_clock())):
            return None
        return found

    def names(self, kind: str) -> list[str]:
        """The names of everything of a kind that was blocked at the last poll."""
        return [name for blocked, name in self._withdrawn if blocked == kind]

    def _database_clock(self) -> float:
        return self._now + max(0.0, self.age())

    async def refresh(self) -> None:
        """Polls now.

        Raises:
            StoreUnavailable: the view stays as it was, and ages.
        """
        begun = self._monotonic()
        self._apply(await self._store.live_state(self._newest, self._seen))
        self._read_at = max(self._read_at, begun)

    async def run(self) -> None:
        """Polls until cancelled; a failed poll shows in the age."""
        while True:
            with contextlib.suppress(StoreUnavailable):
                await self.refresh()
            await self._store.changed(INTERVAL)

    def _apply(self, live: LiveState) -> None:
        for tombstone in live.tombstones:
            self._dead[tombstone.digest] = max(tombstone.expires, self._dead.get(tombstone.digest, 0))
        self._newest, self._seen = live.newest, live.epochs.revocations
        if live.now > self._now:
            self._now = live.now
            for digest in [digest for digest, expires in self._dead.items() if expires + _KEPT < live.now]:
                del self._dead[digest]
        # Two polls may answer in the other order: an older one must not lift a block.
        if live.epochs.withdrawals >= self.epochs.withdrawals:
            # What is over by the database clock is over, however late it is here.
            holding = (blocked for blocked in live.withdrawals if blocked.until is None or blocked.until > live.now)
            self._withdrawn = {(blocked.kind, blocked.name): blocked for blocked in holding}
            self.grants_from = max((int(name) for name in self.names(RESTORED) if name.isdecimal()), default=0)
        self.epochs = Epochs(
            max(self.epochs.bundle, live.epochs.bundle),
            max(self.epochs.withdrawals, live.epochs.withdrawals),
            max(self.epochs.revocations, live.epochs.revocations),
        )
