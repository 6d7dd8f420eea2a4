"""What a linter finds: where, how bad, in one sentence, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How bad it is. An error is a rule that cannot be meant."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding about one rule."""

    code: str
    severity: str
    rule: str
    place: str
    """`file:line:column`; empty for a bundle that has no files."""
    sentence: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.place or 'bundle'}: {self.severity}: {self.code}: {self.rule}: {self.sentence}. {self.remedy}"
