"""Decide, write down, answer: the loop that every issuing flow shares.

What was decided is written in one transaction with its one-time marks; if the live
state moved past what the decision saw, nothing was written and it is decided again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from grantd_server.refusals import Reason, Refused
from grantd_server.store import (
    Committed,
    Epochs,
    Issued,
    Lost,
    OutcomeUnknown,
    StoreUnavailable,
    Tombstone,
    Write,
)
from grantd_server.store.records.used_before import note_replay, replayed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from grantd_server.audit.record import Record
    from grantd_server.flows.road.call import Call
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.store import Mark, Outcome
    from grantd_server.store.refresh_tokens import RefreshToken
    from grantd_server.world import World

Answer = TypeVar("Answer")

ATTEMPTS = 4
"""Decisions per call; administrators do not change things faster than that."""

PATIENCE = 2.0
"""Seconds that a decision waits for the store: a frozen one must not hold a crowd."""
_TO_SAY_SO = 0.02
"""Seconds before the end of the call at which the wait ends, so that the call is told
that the store was not there and has a record that says so."""


@dataclass(frozen=True, slots=True)
class Decided(Generic[Answer]):
    """A decision with its signed answer, not yet in force."""

    answer: Answer
    outcome: str
    """What the record says: `granted`, `revoked`, `unchanged`, `active`, `inactive`."""
    snapshot: Snapshot | None = None
    """The bundle it saw; None where no live state could change the outcome."""
    marks: tuple[Mark, ...] = ()
    """Beside those of the record, which go first."""
    issued: tuple[Issued, ...] = ()
    tombstones: tuple[Tombstone, ...] = ()
    refresh_tokens: tuple[RefreshToken, ...] = ()


async def decided_on_record(
    world: World, call: Call, step: str, decide: Callable[[], Awaitable[Decided[Answer]]]
) -> Answer:
    """Runs `decide` until its decision is committed, and returns its answer.

    Raises:
        Refused: as `decide`; a mark was used before; the store cannot say.
    """
    record = call.record
    for _ in range(ATTEMPTS):
        record.begin()
        epochs = world.view.epochs
        record.live = {"withdrawals": epochs.withdrawals, "revocations": epochs.revocations}
        decided = await decide()
        record.step(step)
        record.outcome = decided.outcome
        write = Write(
            entry=world.ledger.entry(record),
            marks=(*record.marks, *decided.marks),
            lost=lambda mark, winner: world.ledger.entry(replayed(record, step, mark, winner)),
            epochs=None if decided.snapshot is None else _seen(epochs, decided.snapshot),
            issued=decided.issued,
            tombstones=decided.tombstones,
            refresh_tokens=decided.refresh_tokens,
            deadline=_patience(call),
        )
        outcome = await _written(world, record, write)
        if isinstance(outcome, Committed):
            record.written = True
            return decided.answer
        if isinstance(outcome, Lost):
            record.written = True
            raise Refused(note_replay(record, step, outcome), winner=outcome.winner)
        await world.catch_up()
        if world.governed().epoch != world.view.epochs.bundle:
            raise Refused(Reason.NOT_READY, cause="the active bundle cannot be used by this process")
    raise Refused(Reason.STORE_UNAVAILABLE, cause="governance changes faster than a decision can be made")


def _patience(call: Call) -> float:
    """When the wait for the store ends, on the clock of the call's deadline."""
    left = call.remaining()
    return call.deadline - left + min(left - _TO_SAY_SO, PATIENCE)


def _seen(epochs: Epochs, snapshot: Snapshot) -> Epochs:
    """The epochs a decision stood on: of the bundle, the snapshot's own, as the view may
    know of a newer one already."""
    return Epochs(snapshot.epoch, epochs.withdrawals, epochs.revocations)


async def _written(world: World, record: Record, write: Write) -> Outcome:
    try:
        return await world.store.write(write)
    except asyncio.CancelledError:
        # The caller left or ran out of time; what was queued is committed all the same.
        record.written = True
        raise
    except StoreUnavailable as unavailable:
        raise Refused(Reason.STORE_UNAVAILABLE, cause=str(unavailable)) from unavailable
    except OutcomeUnknown as unknown:
        raise Refused(Reason.OUTCOME_UNKNOWN, cause=str(unknown)) from unknown
