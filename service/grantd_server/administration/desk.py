"""What every act of an administrator stands on: the service's parts, or those of a command at its store."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from grantd_server.refusals import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from grantd_server.flows.road.call import Call
    from grantd_server.simulation.running.simulator import Simulator
    from grantd_server.store import Entry, Store
    from grantd_server.store.records.ledger import Ledger

T = TypeVar("T")

LONGEST_WHY = 256
"""Characters of a reason: it is shown in lists."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts."""

    store: Store
    ledger: Ledger
    clock: Callable[[], float]
    """Wall clock, seconds since the epoch."""
    unusable: Callable[[bytes], list[str]]
    """What keeps the service from using a document: secrets, keys, unsafe issuers. It
    may take long, and is asked in a thread."""
    catch_up: Callable[[], Awaitable[None]]
    """Makes this process see what was just committed."""
    simulator: Simulator | None = None
    """Replays what was decided through a candidate; None where nothing can be replayed."""


async def acted(desk: Desk, call: Call, act: Callable[[Entry], Awaitable[T]], **facts: str) -> T:
    """Does one act, with its record in the same transaction: who, what and why.

    The record of an act that failed is written by the chain, like any refusal.
    """
    record = call.record
    record.outcome, record.facts = "applied", {"author": call.caller.identity, **facts}
    record.finish()
    try:
        done = await act(desk.ledger.entry(record))
    except asyncio.CancelledError:
        # What was queued is committed all the same.
        record.written = True
        raise
    record.written = True
    return done


def reason_of(why: str) -> str:
    """The reason of an act, which nobody may leave out; refuses any other."""
    if not why.strip():
        raise Refused(Reason.PARAMETER_MISSING, field="reason")
    return text_of("reason", why, LONGEST_WHY)


def text_of(field: str, value: str, longest: int) -> str:
    """One line of text within its length; refuses any other."""
    if len(value) > longest or not value.isprintable():
        raise Refused(Reason.PARAMETER_INVALID, field=field, limit=longest)
    return value
