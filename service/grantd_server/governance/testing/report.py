"""What came of policy tests: for each case what was expected, what came, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Outcome(Enum):
    """Of one case. An error is a test that asks about what is not there."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Difference:
    """One scope that came out otherwise."""

    scope: str
    expected: str
    got: str
    because: tuple[str, ...]
    """The rule that decided, or the nearest misses."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case."""

    suite: str
    name: str
    place: str
    outcome: Outcome
    differences: tuple[Difference, ...] = ()
    error: str = ""
    seconds: float = field(default=0.0, compare=False)
    """That it took."""

    def lines(self) -> Iterator[str]:
        """For people; nothing of a case that passed."""
        if self.outcome is Outcome.PASSED:
            return
        yield f"{self.place}: {self.suite}: {self.name}: {self.outcome.value}"
        if self.error:
            yield f"  {self.error}"
        for each in self.differences:
            yield f"  {each.scope}: expected {each.expected}, got {each.got}"
            yield from (f"    {reason}" for reason in each.because)


@dataclass(frozen=True, slots=True)
class TestReport:
    """All cases, in the order of files."""

    __test__ = False  # not a test of pytest

    results: tuple[CaseResult, ...]

    @property
    def failing(self) -> tuple[CaseResult, ...]:
        """Those that did not pass."""
        return tuple(result for result in self.results if result.outcome is not Outcome.PASSED)

    @property
    def ok(self) -> bool:
        """Whether every case passed."""
        return not self.failing

    def count(self, outcome: Outcome) -> int:
        """How many cases ended so."""
        return sum(result.outcome is outcome for result in self.results)

    def lines(self) -> Iterator[str]:
        """For people: what did not pass, then one line in sum."""
        for result in self.results:
            yield from result.lines()
        counts = ", ".join(f"{self.count(outcome)} {outcome.value}" for outcome in Outcome)
        yield f"{len(self.results)} cases: {counts}"
