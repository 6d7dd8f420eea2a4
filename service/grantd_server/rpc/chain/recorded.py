"""Every call on record: refused, failed, cancelled and answered ones alike."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any

from grantd_server.audit.record import LONGEST_VALUE
from grantd_server.refusals import Public, Reason, Refused
from grantd_server.rpc.chain.faults import unplanned
from grantd_server.rpc.limits import RECORD_TIME
from grantd_server.store import OutcomeUnknown, StoreUnavailable

if TYPE_CHECKING:
    from grantd_server.audit.record import Record
    from grantd_server.flows.road.call import Call
    from grantd_server.rpc.chain.edge import Arrival, Edge, Method, Step

FAILURES = frozenset({Public.UNAVAILABLE, Public.OUT_OF_TIME, Public.CANCELLED, Public.INTERNAL})
"""Endings that decide nothing about the request."""


def recorded(inner: Step, method: Method, edge: Edge) -> Step:  # noqa: ARG001 - every layer has one shape
    """Writes the record of the call, refusals before they are answered, and shows it."""

    async def step(message: Arrival, call: Call) -> Any:
        start = monotonic()
        status = Public.CANCELLED.status
        try:
            answer = await inner(message, call)
            _answered(edge, call.record)
            status = "OK"
            return answer
        except asyncio.CancelledError:
            # Shielded: a client that leaves must not keep its call off the record.
            await asyncio.shield(_write(edge, call, Refused(Reason.CANCELLED)))
            raise
        except Exception as exc:  # noqa: BLE001 - turned into a refusal, which is recorded
            refusal = await _write(edge, call, _turned(exc, call.record, edge))
            status = refusal.reason.public.status
            raise refusal from None
        finally:
            _show(edge, call.record, monotonic() - start, status)

    return step


def _answered(edge: Edge, record: Record) -> None:
    record.finish()
    if record.outcome in {"active", "inactive"}:
        edge.recorder.introspected(record)


def _turned(exc: Exception, record: Record, edge: Edge) -> Refused:
    match exc:
        case Refused():
            return exc
        case StoreUnavailable():
            return Refused(Reason.STORE_UNAVAILABLE)
        case OutcomeUnknown():
            return Refused(Reason.OUTCOME_UNKNOWN)
        case _:
            return unplanned(exc, record, edge)


async def _write(edge: Edge, call: Call, refusal: Refused) -> Refused:
    """Puts a refusal on record and returns the one to answer with.

    What the flow has written stays as written: a token that was committed and then
    not delivered was issued all the same.
    """
    record = call.record
    record.finish()
    if record.written:
        return refusal
    failed = refusal.reason.public in FAILURES
    record.outcome, record.reason = "failed" if failed else "refused", refusal.reason
    record.facts = {name: str(value)[:LONGEST_VALUE] for name, value in refusal.facts.items()}
    # The time of a failed call may be over; that of its record is not.
    deadline = monotonic() + RECORD_TIME if failed else call.deadline
    try:
        reason = await edge.recorder.refused(record, deadline)
    except (StoreUnavailable, OutcomeUnknown) as exc:
        # A decision that is not on record is not answered (design section 5); a
        # failure decides nothing and stays what it was.
        reason = refusal.reason if failed else _turned(exc, record, edge).reason
        record.outcome = "failed"
    if reason is refusal.reason:
        return refusal
    record.reason = reason
    return Refused(reason)


def _show(edge: Edge, record: Record, seconds: float, status: str) -> None:
    try:
        edge.observer.call_finished(record, seconds, status)
    except Exception as exc:  # noqa: BLE001 - telemetry may fail open: it must not undo what was committed
        unplanned(exc, record, edge)
