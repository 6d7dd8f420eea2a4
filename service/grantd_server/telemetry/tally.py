"""A counter that the collection reads: the SDK's own costs more than most of a call."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from opentelemetry.metrics import CallbackOptions, Observation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.metrics import Meter


class Tally:
    """Counts by labels, over sets of values that are known from the start: an alert on
    a rate needs each series to exist, at zero, before its first event."""

    def __init__(
        self,
        meter: Meter,
        name: str,
        *,
        unit: str,
        description: str,
        labels: tuple[str, ...] = (),
        series: Iterable[tuple[str, ...]] = ((),),
    ) -> None:
        self._labels = labels
        self._counts = dict.fromkeys(series, 0)
        self._lock = Lock()
        meter.create_observable_counter(name, [self._observe], unit=unit, description=description)

    def add(self, *values: str, count: int = 1) -> None:
        """Counts. Raises KeyError for a series that was never announced."""
        with self._lock:  # the exporter's thread counts, too
            self._counts[values] += count

    def _observe(self, _options: CallbackOptions) -> list[Observation]:
        # On the exporter's thread; the keys never change, so that nothing can be torn.
        return [
            Observation(count, dict(zip(self._labels, values, strict=True))) for values, count in self._counts.items()
        ]
