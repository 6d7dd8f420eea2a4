"""Counters, one histogram and gauges. Every series exists at zero from the start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import CallbackOptions, Observation

from grantd_server.refusals import Reason
from grantd_server.telemetry import names
from grantd_server.telemetry.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from opentelemetry.metrics import MeterProvider

    from grantd_server.audit.record import Record

    Readings = Callable[[], Iterable[tuple[Mapping[str, str], float]]]

RPCS: Final = (*names.METHODS, names.OTHER)
REFUSING: Final = (*(rpc for rpc in RPCS if rpc not in names.ADMINISTRATIVE), names.ADMINISTRATION)
"""With every reason of the failure table; more than 2000 series of one metric are cut."""


class Metrics:
    """The instruments. Labels are closed sets; anything else counts as `other` (L05)."""

    def __init__(self, provider: MeterProvider) -> None:
        self._meter = provider.get_meter(names.SCOPE)
        self._duration = self._meter.create_histogram(
            names.CALL_DURATION,
            unit="s",
            description="Duration of calls.",
            explicit_bucket_boundaries_advisory=names.CALL_DURATION_BUCKETS,
        )
        outcomes = (*names.OUTCOMES, names.OTHER)
        self._calls = Tally(
            self._meter,
            names.CALLS,
            unit="{call}",
            description="Calls by outcome.",
            labels=("rpc", "outcome"),
            series=[(rpc, outcome) for rpc in RPCS for outcome in outcomes],
        )
        self._refused = Tally(
            self._meter,
            names.REFUSED,
            unit="{call}",
            description="Calls refused or failed, by reason; administrators' methods count as `administration`.",
            labels=("rpc", "reason"),
            series=[(rpc, reason.name) for rpc in REFUSING for reason in Reason],
        )
        self._spans_dropped = Tally(
            self._meter,
            names.SPANS_DROPPED,
            unit="{span}",
            description="Spans that were not exported, by cause.",
            labels=("cause",),
            series=[(cause,) for cause in (*names.DROP_CAUSES, names.OTHER)],
        )
        self._log_dropped = Tally(
            self._meter, names.LOG_DROPPED, unit="{line}", description="Log lines that could not be written."
        )
        self._overflow = Tally(
            self._meter,
            names.LEDGER_OVERFLOW,
            unit="{record}",
            description="Records that a full partition could not take.",
            labels=("class",),
            series=[(kind,) for kind in (*names.LEDGER_CLASSES, names.OTHER)],
        )
        self._checkpoints = Tally(
            self._meter,
            names.CHECKPOINTS,
            unit="{checkpoint}",
            description="Checkpoints of the records that were due.",
            labels=("outcome",),
            series=[(outcome,) for outcome in names.CHECKPOINT_OUTCOMES],
        )

    def call_finished(self, record: Record, seconds: float, status: str) -> None:
        """Counts one call and its duration."""
        rpc = record.rpc if record.rpc in names.METHODS else names.OTHER
        outcome = record.outcome or names.ANSWERED
        outcome = outcome if outcome in names.OUTCOMES else names.OTHER
        known_status = status if status in names.STATUSES else "UNKNOWN"
        labels = {
            names.RPC_SYSTEM: "grpc",
            names.RPC_METHOD: names.METHODS.get(rpc, names.OTHER),
            names.RPC_STATUS: known_status,
        }
        if known_status in names.FAULT_STATUSES:
            labels[names.ERROR_TYPE] = known_status
        self._duration.record(seconds, labels)
        self._calls.add(rpc, outcome)
        if record.reason is not None:
            self._refused.add(names.ADMINISTRATION if rpc in names.ADMINISTRATIVE else rpc, record.reason.name)

    def spans_dropped(self, cause: str, count: int = 1) -> None:
        """Counts spans that nobody will see; `cause` is one of `names.DROP_CAUSES`."""
        self._spans_dropped.add(cause if cause in names.DROP_CAUSES else names.OTHER, count=count)

    def log_dropped(self) -> None:
        """Counts a log line that could not be written."""
        self._log_dropped.add()

    def ledger_overflowed(self, kind: str, count: int = 1) -> None:
        """Counts records that found no room; `kind` is one of `names.LEDGER_CLASSES`."""
        self._overflow.add(kind if kind in names.LEDGER_CLASSES else names.OTHER, count=count)

    def checkpointed(self, outcome: str) -> None:
        """Counts a checkpoint; `outcome` is one of `names.CHECKPOINT_OUTCOMES`."""
        self._checkpoints.add(outcome)

    def watch(self, gauge: names.Gauge, readings: Readings) -> None:
        """Reads a gauge at each collection, on the exporter's thread; `readings` must
        only look at immutable or atomically swapped values."""

        def observe(_options: CallbackOptions) -> list[Observation]:
            return [
                Observation(value, {label: labels.get(label, "") for label in gauge.labels})
                for labels, value in readings()
            ]

        self._meter.create_observable_gauge(gauge.metric, [observe], unit=gauge.unit, description=gauge.meaning)
