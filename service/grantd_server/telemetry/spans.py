"""Spans, built after the call: only time stamps are taken while it runs.

A span costs more than the cryptography it would measure, so it is made when somebody
will look at it: when the sampler says so, for every fault of ours, and for refusals
as far as a token bucket per reason allows.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, Sampler
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from grantd_server.model.buckets import Buckets
from grantd_server.refusals import Reason
from grantd_server.telemetry import attributes, names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor

    from grantd_server.audit.record import Record

REFUSALS_AT_ONCE: Final = 10
REFUSALS_PER_SECOND: Final = 1.0

_ALWAYS_KEPT: Final = frozenset({"UNKNOWN", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})


class PlannedIds(IdGenerator):
    """Gives the next span the ids that were drawn when its call came in. Spans are
    built one after another on the loop's thread, so one seat is enough."""

    def __init__(self) -> None:
        self._trace_id = 0
        self._span_id = 0

    def plan(self, trace_id: int, span_id: int) -> None:
        """Reserves the ids of the next span."""
        self._trace_id, self._span_id = trace_id, span_id

    def generate_trace_id(self) -> int:
        planned, self._trace_id = self._trace_id, 0
        return planned or secrets.randbits(128) or 1

    def generate_span_id(self) -> int:
        planned, self._span_id = self._span_id, 0
        return planned or secrets.randbits(64) or 1


class DeferredSpans:
    """Decides which calls are kept, and builds their spans.

    `wall` and `monotonic` are nanosecond clocks; `dropped` is told the cause.
    """

    def __init__(
        self,
        sampler: Sampler,
        resource: Resource,
        processors: Sequence[SpanProcessor],
        *,
        dropped: Callable[[str], None],
        wall: Callable[[], int],
        monotonic: Callable[[], int],
    ) -> None:
        self._sampler = sampler
        self._dropped = dropped
        self._wall = wall
        self._monotonic = monotonic
        self._ids = PlannedIds()
        self._buckets = Buckets(REFUSALS_AT_ONCE, REFUSALS_PER_SECOND)
        # What reaches the provider was decided here, so its own sampler keeps all.
        self._provider = TracerProvider(
            sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False, id_generator=self._ids
        )
        for processor in processors:
            self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer(names.SCOPE)

    def call_finished(self, record: Record, seconds: float, status: str) -> None:
        """Builds the spans of one finished call, if they are wanted."""
        parent = _parent_of(record)
        if self._wanted(record, status, parent):
            self._build(record, seconds, status, parent)

    def _wanted(self, record: Record, status: str, parent: Context) -> bool:
        # The sampler never sees a link or an attribute, so that nothing a client
        # sends can make it keep a trace (H18).
        asked = self._sampler.should_sample(parent, record.trace_id, names.METHODS.get(record.rpc, names.OTHER))
        if asked.decision is Decision.RECORD_AND_SAMPLE:
            return True
        if status in _ALWAYS_KEPT or record.reason is Reason.OUT_OF_TIME:
            return True
        if record.reason is None:
            return False
        if self._buckets.take(record.reason, self._monotonic()):
            return True
        self._dropped("bucket")
        return False

    def _build(self, record: Record, seconds: float, status: str, parent: Context) -> None:
        end = self._wall()
        shift = end - self._monotonic()
        start = end - int(seconds * 1e9)
        self._ids.plan(record.trace_id, record.span_id)
        root = self._tracer.start_span(
            names.METHODS.get(record.rpc, names.OTHER),
            context=parent,
            kind=SpanKind.SERVER,
            attributes=attributes.of(record, status),
            links=_links_of(record),
            start_time=start,
        )
        within = set_span_in_context(root, Context())
        for step in record.steps:
            child = self._tracer.start_span(step.name, context=within, start_time=max(start, step.start + shift))
            child.end(min(end, step.end + shift))
        if status in names.FAULT_STATUSES:
            root.set_status(Status(StatusCode.ERROR))
        root.end(end)

    def shutdown(self) -> None:
        """Hands over what waits; bounded by the exporter's own time-out."""
        self._provider.shutdown()


def _parent_of(record: Record) -> Context:
    if not record.parent_span_id:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED if record.parent_sampled else TraceFlags.DEFAULT)
    parent = SpanContext(record.trace_id, record.parent_span_id, is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(parent), Context())


def _links_of(record: Record) -> list[Link]:
    if record.linked is None:
        return []
    return [Link(SpanContext(*record.linked, is_remote=True))]
