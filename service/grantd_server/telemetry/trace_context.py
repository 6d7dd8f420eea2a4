"""Trace and span ids: drawn at entry, and read from a caller's `traceparent`.

W3C Trace Context, version 00, read strictly; `tracestate` and baggage are never read
and never passed on, so that nothing of a caller travels to other parties.
"""

from __future__ import annotations

import os
import re
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from grantd_server.audit.record import Record

_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED: Final = 0x01


class Trust(Enum):
    """What an observed `traceparent` of an HTTP client is good for."""

    LINK = "link"  # a new trace that links to it: it cannot join ours or force sampling
    PARENT = "parent"  # continued, where only trusted clients can reach the shim
    IGNORE = "ignore"


class TraceParent(NamedTuple):
    """A well-formed `traceparent`."""

    trace_id: int
    span_id: int
    sampled: bool


def parse(raw_traceparent: str | None) -> TraceParent | None:
    """Reads a `traceparent`; None for anything that is not one, however long."""
    if raw_traceparent is None or len(raw_traceparent) != 55:
        return None
    match = _TRACEPARENT.fullmatch(raw_traceparent)
    if match is None:
        return None
    trace_id, span_id = int(match[1], 16), int(match[2], 16)
    if not trace_id or not span_id:
        return None
    return TraceParent(trace_id, span_id, bool(int(match[3], 16) & _SAMPLED))


def start(record: Record, raw_traceparent: str | None = None) -> None:
    """Draws the ids of a call; the trace of an authenticated gRPC caller is continued."""
    drawn = os.urandom(24)
    record.span_id = int.from_bytes(drawn[16:]) or 1
    parent = parse(raw_traceparent)
    if parent is None:
        record.trace_id = int.from_bytes(drawn[:16]) or 1
    else:
        _continue(record, parent)


def observe(record: Record, raw_traceparent: str | None, trust: Trust) -> None:
    """Takes note of the `traceparent` that the shim observed, as far as it is trusted."""
    observed = parse(raw_traceparent)
    if observed is None or trust is Trust.IGNORE:
        return
    if trust is Trust.PARENT:
        _continue(record, observed)
    else:
        record.linked = (observed.trace_id, observed.span_id)


def _continue(record: Record, parent: TraceParent) -> None:
    record.trace_id = parent.trace_id
    record.parent_span_id = parent.span_id
    record.parent_sampled = parent.sampled
