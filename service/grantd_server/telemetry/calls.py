"""Telemetry of calls: the one object that interceptors and wiring know."""

from __future__ import annotations

import logging
import sys
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource

from grantd_server.telemetry import export, trace_context
from grantd_server.telemetry.logs import ForeignLogs, Level, LogLines
from grantd_server.telemetry.metrics import Metrics
from grantd_server.telemetry.spans import DeferredSpans
from grantd_server.telemetry.trace_context import Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import SpanProcessor

    from grantd_server.audit.record import Record


@dataclass(frozen=True, slots=True)
class Options:
    """What an operator may set beside the OTEL_* variables."""

    service_name: str = "grantd"
    instance: str = ""
    """`service.instance.id`: without one, the series of two processes would be one."""
    sample_ratio: float = 0.1
    trust_traceparent: Trust = Trust.LINK
    log_level: Level = Level.INFO
    log_json: bool = True
    log_successes: bool = False


class Telemetry:
    """Metrics, spans and log lines of calls.

    `processors` and `readers` are added to those that the environment asks for;
    `wall` and `monotonic` are nanosecond clocks.
    """

    def __init__(
        self,
        options: Options,
        environ: Mapping[str, str],
        *,
        processors: Sequence[SpanProcessor] = (),
        readers: Sequence[MetricReader] = (),
        stream: IO[str] | None = None,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._trust = options.trust_traceparent
        name = environ.get("OTEL_SERVICE_NAME") or options.service_name
        resource = Resource.create(
            {"service.name": name} | ({"service.instance.id": options.instance} if options.instance else {})
        )
        self._meters = MeterProvider(
            [*readers, *export.metric_readers(environ)], resource=resource, shutdown_on_exit=False
        )
        self.metrics = Metrics(self._meters)
        processors = [*processors, *export.span_processors(environ, self.metrics.spans_dropped)]
        sampler = export.sampler(environ, options.sample_ratio)
        self._spans = None
        if processors and sampler is not None and not export.disabled(environ):
            self._spans = DeferredSpans(
                sampler, resource, processors, dropped=self.metrics.spans_dropped, wall=wall, monotonic=monotonic
            )
        self.log = LogLines(
            stream if stream is not None else sys.stderr,
            wall,
            self.metrics.log_dropped,
            level=options.log_level,
            as_json=options.log_json,
            successes=options.log_successes,
        )

    def entered(self, record: Record, raw_traceparent: str | None = None) -> None:
        """Draws the ids of a call. Pass the `traceparent` of an authenticated gRPC caller
        only: its trace is continued."""
        trace_context.start(record, raw_traceparent)

    def observed(self, record: Record, raw_traceparent: str | None) -> None:
        """Takes note of the `traceparent` that the shim observed from an HTTP client."""
        trace_context.observe(record, raw_traceparent, self._trust)

    def call_finished(self, record: Record, seconds: float, status: str) -> None:
        """Projects a finished call; `status` is the gRPC status by name."""
        self.metrics.call_finished(record, seconds, status)
        self.log.call_finished(record, seconds, status)
        if self._spans is not None:
            self._spans.call_finished(record, seconds, status)

    def adopt_library_logs(self) -> None:
        """Leads the lines of every library into our log, without their text."""
        root = logging.getLogger()
        root.handlers[:] = [ForeignLogs(self.log)]

    def shutdown(self) -> None:
        """Hands over what waits. Blocks for as long as the exporter's time-out, so it is
        called off the loop, after the last answer has left."""
        if self._spans is not None:
            self._spans.shutdown()
        self._meters.shutdown()
