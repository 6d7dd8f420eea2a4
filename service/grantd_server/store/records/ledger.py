"""Where records go: what is durable before the answer, what is written behind, and
what a bounded ring in memory still explains (three classes, docs/store.md)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from grantd_server.audit.canonical import canonical
from grantd_server.model.caller import ADMINISTRATION
from grantd_server.refusals import Reason
from grantd_server.store import Entry, Lost, OutcomeUnknown, StoreUnavailable, Write
from grantd_server.store.records.aggregates import Aggregates
from grantd_server.store.records.used_before import note_replay, replayed

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd_server.audit.record import Record
    from grantd_server.store import Store

INTERVAL: Final = 1.0
"""Seconds between two writings behind."""

_TIDY_EVERY: Final = 5
"""Writings behind between two purges."""
_BITES: Final = 40
"""Bites of one purge at most, each a transaction of its own."""
_BITE: Final = 100
"""Aggregates of one transaction: none may hold the window of class 1 for long."""

_KNOWN: Final = frozenset(role.value for role in ADMINISTRATION)
"""Whose refusals are as durable as those of an authenticated client."""

_OURS: Final = frozenset({"temporarily_unavailable", "server_error"})
"""Refusals that are our fault: the client may come again with the same proof."""


class Ledger:
    """Keeps records by their class.

    `overflowed(class, count)` hears of what found no room: `introspections`,
    `refusals`, or `ring` (pushed out by newer ones).
    """

    def __init__(
        self,
        store: Store,
        wall_clock: Callable[[], float],
        *,
        ring: int = 4096,
        pending: int = 4096,
        overflowed: Callable[[str, int], None] = lambda _kind, _count: None,
    ) -> None:
        self._store = store
        self._wall_clock = wall_clock
        self._ring: OrderedDict[str, Record] = OrderedDict()
        self._room = ring
        self._overflowed = overflowed
        self._behind = {
            "introspections": Aggregates(("minute", "token", "asker", "outcome"), pending),
            "refusals": Aggregates(("minute", "address", "reason"), pending),
        }

    def entry(self, record: Record) -> Entry:
        """Projects a record on its durable row; the same record gives the same bytes."""
        return Entry(
            id=record.id,
            time_us=int(record.time * 1_000_000),
            rpc=record.rpc,
            outcome=record.outcome,
            reason=record.reason.name if record.reason else "",
            issuer=record.issuer,
            client=record.client,
            subject=record.subject,
            chain=record.chain,
            body=canonical(record.body()),
        )

    async def refused(self, record: Record, deadline: float) -> Reason:
        """Puts a refusal or failure on record; returns the reason to answer with.

        Of an authenticated client, or somebody of the administration, it is committed
        first, and with it the use of the
        record's marks: a proof that was refused is not tried again.

        Raises:
            StoreUnavailable: it is not on record, and nothing was used up.
            OutcomeUnknown: it may be.
        """
        reason = record.reason or Reason.BUG
        if not record.client and record.role not in _KNOWN:
            self._remember(record)
            self._count("refusals", record.address, reason.name, decision_id=record.id)
            return reason
        ours = reason.public.oauth_error in _OURS
        marks = () if ours else tuple(record.marks)
        write = Write(
            self.entry(record),
            marks,
            lost=lambda mark, winner: self.entry(replayed(record, "client", mark, winner)),
            tombstones=() if ours else tuple(record.tombstones),
            deadline=deadline,
        )
        try:
            outcome = await self._store.write(write)
        except (StoreUnavailable, OutcomeUnknown):
            self._remember(record)
            raise
        record.written = True
        return note_replay(record, "client", outcome) if isinstance(outcome, Lost) else reason

    def introspected(self, record: Record) -> None:
        """Counts an introspection, token by token; it is written behind."""
        self._remember(record)
        for token, outcome in record.introspected:
            self._count("introspections", token, record.client, outcome, decision_id=record.id)

    async def find(self, decision_id: str) -> dict[str, Any] | None:
        """Finds the body of a record: in the ring, then in the store."""
        if (record := self._ring.get(decision_id)) is not None:
            return record.body()
        stored = await self._store.entry(decision_id)
        return None if stored is None else dict(json.loads(stored.entry.body))

    def backlog(self) -> dict[str, int]:
        """How many rows of each class wait to be written behind."""
        return {kind: len(aggregates) for kind, aggregates in self._behind.items()}

    async def flush(self) -> None:
        """Writes behind what was counted. What the store cannot take now is kept, as
        far as there is room."""
        for kind, aggregates in self._behind.items():
            rows = aggregates.take()
            while rows:
                bite, rows = rows[:_BITE], rows[_BITE:]
                try:
                    await self._store.write_behind(bite, kind)
                except StoreUnavailable:
                    self._note_overflow(kind, aggregates.give_back(bite + rows))
                    break
                except OutcomeUnknown:
                    # Written again it might count twice; a count must not exceed the truth.
                    self._note_overflow(kind, sum(row["count"] for row in bite))

    async def purge(self) -> None:
        """Deletes what outlived its time, bite by bite, as far as the store allows."""
        with contextlib.suppress(StoreUnavailable, OutcomeUnknown):
            for _ in range(_BITES):
                if await self._store.purge() == 0:
                    return

    async def run(self) -> None:
        """Writes behind and purges until cancelled; see `close`."""
        while True:
            for _ in range(_TIDY_EVERY):
                await asyncio.sleep(INTERVAL)
                await self.flush()
            await self.purge()

    async def close(self) -> None:
        """Writes behind what still waits. The store is not closed."""
        await self.flush()

    def _count(self, kind: str, *values: str, decision_id: str) -> None:
        minute = int(self._wall_clock()) // 60
        if not self._behind[kind].add(minute, *values, decision_id=decision_id):
            self._overflowed(kind, 1)

    def _note_overflow(self, kind: str, count: int) -> None:
        if count:
            self._overflowed(kind, count)

    def _remember(self, record: Record) -> None:
        self._ring[record.id] = record
        while len(self._ring) > self._room:
            self._ring.popitem(last=False)
            self._overflowed("ring", 1)
