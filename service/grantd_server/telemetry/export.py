"""The way to a collector, set by the standard OTEL_* variables.

A slow, broken or absent collector costs spans, which are counted, and nothing else:
exporting runs on threads of its own behind a bounded queue.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import Span

LARGEST_QUEUE: Final = 2048
"""Spans that may wait, unless OTEL_BSP_MAX_QUEUE_SIZE says otherwise; about 4 MB."""
LARGEST_BATCH: Final = 512

_ENDPOINTS: Final = {
    "traces": "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "metrics": "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
}
_SHARED_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_QUEUE_SIZE: Final = "OTEL_BSP_MAX_QUEUE_SIZE"
_PROTOCOLS: Final = (
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL",
)
_SAMPLERS: Final = frozenset(
    {"always_on", "always_off", "traceidratio"}
    | {"parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"}
)


def problems(environ: Mapping[str, str]) -> list[str]:
    """Says what is wrong with the OTEL_* variables, one sentence each; never a value,
    as an endpoint may hold credentials (CVE-2026-81870)."""
    found = [
        f"{name} must not hold credentials; give them in OTEL_EXPORTER_OTLP_HEADERS."
        for name in (*_ENDPOINTS.values(), _SHARED_ENDPOINT)
        if "@" in environ.get(name, "")
    ]
    found += [
        f"{name} must be grpc; no other OTLP transport is built in."
        for name in _PROTOCOLS
        if environ.get(name, "grpc") != "grpc"
    ]
    found += [
        f"{name} must be otlp or none."
        for name in ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER")
        if environ.get(name, "otlp") not in {"otlp", "none"}
    ]
    if not re.fullmatch(r"[1-9][0-9]{0,5}", environ.get(_QUEUE_SIZE, "1")):
        found.append(f"{_QUEUE_SIZE} must be a number from 1 to 999999.")
    sampler = environ.get("OTEL_TRACES_SAMPLER", "always_on")
    if sampler not in _SAMPLERS:
        found.append(f"OTEL_TRACES_SAMPLER must be one of {', '.join(sorted(_SAMPLERS))}.")
    if sampler.endswith("traceidratio") and _ratio(environ) is None:
        found.append("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1.")
    return found


def disabled(environ: Mapping[str, str]) -> bool:
    """True when OTEL_SDK_DISABLED says so."""
    return environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def sampler(environ: Mapping[str, str], sample_ratio: float) -> Sampler | None:
    """The sampler of OTEL_TRACES_SAMPLER, else a ratio that follows the caller's choice;
    None for `always_off`, which means no spans at all."""
    chosen = environ.get("OTEL_TRACES_SAMPLER")
    if chosen is None:
        return ParentBased(TraceIdRatioBased(sample_ratio))
    if chosen == "always_off":
        return None
    name = chosen.removeprefix("parentbased_")
    ratio = _ratio(environ)
    roots = {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF}
    root = roots[name] if name in roots else TraceIdRatioBased(1.0 if ratio is None else ratio)
    return root if chosen == name else ParentBased(root)


def _ratio(environ: Mapping[str, str]) -> float | None:
    try:
        ratio = float(environ.get("OTEL_TRACES_SAMPLER_ARG", "1"))
    except ValueError:
        return None
    return ratio if 0 <= ratio <= 1 else None


def span_processors(environ: Mapping[str, str], dropped: Callable[[str, int], None]) -> list[SpanProcessor]:
    """The OTLP span exporter behind its queue, when an endpoint is configured."""
    if not _exported(environ, "traces"):
        return []
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - 150 ms

    return [BoundedExport(OTLPSpanExporter(), dropped, int(environ.get(_QUEUE_SIZE, LARGEST_QUEUE)))]


def metric_readers(environ: Mapping[str, str]) -> list[MetricReader]:
    """The OTLP metric exporter, when an endpoint is configured."""
    if not _exported(environ, "metrics"):
        return []
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter  # noqa: PLC0415 - 150 ms
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415 - only if used

    return [PeriodicExportingMetricReader(OTLPMetricExporter())]


def _exported(environ: Mapping[str, str], signal: str) -> bool:
    if disabled(environ) or environ.get(f"OTEL_{signal.upper()}_EXPORTER") == "none":
        return False
    return bool(environ.get(_ENDPOINTS[signal]) or environ.get(_SHARED_ENDPOINT))


class BoundedExport(SpanProcessor):
    """A batch processor that counts every span it loses.

    The SDK's own processor drops the oldest span of a full queue with a log line and
    no count, and forgets a batch that the collector did not take.
    """

    def __init__(
        self, exporter: SpanExporter, dropped: Callable[[str, int], None], largest: int = LARGEST_QUEUE
    ) -> None:
        self._dropped = dropped
        self._largest = largest
        self._waiting = 0
        self._lock = threading.Lock()
        self._batches = BatchSpanProcessor(
            _Counted(exporter, self._taken, dropped),
            max_queue_size=largest,
            max_export_batch_size=min(LARGEST_BATCH, largest),
        )

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: spans arrive finished."""

    def on_end(self, span: ReadableSpan) -> None:
        with self._lock:
            full = self._waiting >= self._largest
            if not full:
                self._waiting += 1
        if full:
            self._dropped("queue", 1)
        else:
            self._batches.on_end(span)

    def _taken(self, count: int) -> None:
        with self._lock:
            self._waiting -= count

    def shutdown(self) -> None:
        self._batches.shutdown()  # type: ignore[no-untyped-call] # the SDK does not type it

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._batches.force_flush(timeout_millis)


class _Counted(SpanExporter):
    """Tells what became of each batch; a fault of the exporter ends here."""

    def __init__(
        self, exporter: SpanExporter, taken: Callable[[int], None], dropped: Callable[[str, int], None]
    ) -> None:
        self._exporter = exporter
        self._taken = taken
        self._dropped = dropped

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = self._exporter.export(spans)
        except Exception:  # noqa: BLE001 - whatever an exporter raises, serving goes on and the loss is counted
            result = SpanExportResult.FAILURE
        self._taken(len(spans))
        if result is not SpanExportResult.SUCCESS:
            self._dropped("export", len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)
