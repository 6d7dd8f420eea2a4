"""When a call is tried again, how long after, and what it says about itself."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from grantd.errors import DECISION_ID, GrantdError, printable

TraceHeaders = Callable[[], Mapping[str, str]]
"""Returns the W3C headers of the current span, for instance by OpenTelemetry's `inject`."""

_TRACE = ("traceparent", "tracestate")


@dataclass(frozen=True, slots=True)
class Retry:
    """Attempts after UNAVAILABLE, with a capped exponential pause before each."""

    attempts: int = 4
    first_pause: float = 0.05
    """Seconds."""
    longest_pause: float = 1.0

    def pauses(self, repeatable: bool) -> Iterator[float]:
        """Seconds before the second attempt, the third, and so on. The whole pause is
        drawn at random, so that callers who failed together do not return together."""
        for attempt in range(self.attempts - 1 if repeatable else 0):
            yield random.uniform(0, min(self.longest_pause, self.first_pause * 2**attempt))  # noqa: S311 - spread, no secret


def is_worth_repeating(error: GrantdError) -> bool:
    """True for UNAVAILABLE, of which the service promises that nothing was decided."""
    return error.code == "UNAVAILABLE"


def is_planned_end(error: GrantdError) -> bool:
    """True for how the service ends every stream after its time. Time that ran out here,
    without its word, is none: whoever does not say so may be gone."""
    return error.reason == "OUT_OF_TIME"


def trace_metadata(trace: TraceHeaders | None) -> tuple[tuple[str, str], ...]:
    """The call's trace headers; nothing else of what the hook returns is sent."""
    headers = trace() if trace is not None else {}
    return tuple((name, headers[name]) for name in _TRACE if name in headers)


def decision_of(trailers: Iterable[tuple[str, str | bytes]] | None) -> str | None:
    """The decision id in the trailers of a successful call."""
    for name, value in trailers or ():
        if name == DECISION_ID and isinstance(value, str):
            return printable(value, 64)
    return None
