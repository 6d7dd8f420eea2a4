"""What a file of policy tests says, read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.governance.asking.question import Question


@dataclass(frozen=True, slots=True)
class Expected:
    """What should become of one scope."""

    granted: bool
    reason: str | None = None
    """Of a refusal; None: any."""
    rules: tuple[str, ...] = ()
    """Each must have been among those that decided."""

    def __str__(self) -> str:
        return " ".join(("granted" if self.granted else self.reason or "refused", *self.rules))


@dataclass(frozen=True, slots=True)
class Case:
    """One question with the answer that is expected."""

    name: str
    place: str
    """`file:line:column`."""
    question: Question
    """Its `now` and `auth_time` are filled in when it is asked."""
    expected: Mapping[str, Expected]
    at: int | None = None
    """Seconds since the epoch; None: when the tests run."""
    age: int | None = None
    """Seconds since the person signed in; None: not known."""


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases of one file."""

    name: str
    file: str
    cases: tuple[Case, ...]
    groups: frozenset[str] = frozenset()
    """Every group that its people are in, qualified: `lint` asks who could be in one."""
