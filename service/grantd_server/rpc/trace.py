"""The trace context of a call: W3C `traceparent` in, ids drawn where there is none."""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_LONGEST = 256


class Trace(NamedTuple):
    """Where a call stands in its trace; `parent` is 0 at the root."""

    trace_id: int
    span_id: int
    parent: int
    sampled: bool


def read_trace(traceparent: str) -> Trace:
    """Continues the caller's trace, or starts one when it names none that is valid
    (W3C Trace Context section 3.2.2)."""
    span_id = secrets.randbits(64) or 1
    match = _TRACEPARENT.fullmatch(traceparent) if 0 < len(traceparent) <= _LONGEST else None
    if match is not None:
        version, trace, parent, flags, more = match.groups()
        trace_id, parent_id = int(trace, 16), int(parent, 16)
        known = version != "ff" and (more is None or version != "00")
        if known and trace_id and parent_id:
            return Trace(trace_id, span_id, parent_id, bool(int(flags, 16) & 1))
    return Trace(secrets.randbits(128) or 1, span_id, 0, False)
