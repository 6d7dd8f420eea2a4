"""What a candidate would change; parts of several processes join to one."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LISTED: Final = 1000
"""Rows of a report; a change of more is told by its counts."""


@dataclass(frozen=True, slots=True)
class Change:
    """Decisions that would end otherwise, alike in who, through what, on what."""

    allowed: bool
    """Newly allowed; newly refused otherwise."""
    subject: str
    """The user's pseudonym."""
    client: str
    resource: str
    """Empty for an object of authorization details."""
    scope: str
    count: int
    examples: list[str]
    """Ids of decisions, to explain."""
    rule: str
    """That would decide now; empty where none would."""


@dataclass(slots=True)
class Result:
    """Every count is one of decisions, but for rows."""

    replayed: int = 0
    """What was decided again: same, changed and undetermined together."""
    same: int = 0
    changed: int = 0
    undetermined: int = 0
    """They hang on what was not recorded."""
    other_rule: int = 0
    """Of the same: granted alike, by another rule."""
    undetermined_by: dict[str, int] = field(default_factory=dict)
    """By attribute; one decision may hang on several."""
    skipped_by: dict[str, int] = field(default_factory=dict)
    """Records that were not replayed, by why."""
    changes: list[Change] = field(default_factory=list)
    """The most frequent first."""
    more_changes: int = 0
    """Rows beyond those listed."""
    unlisted: int = 0
    """Changes of a scope that found no row."""

    @property
    def skipped(self) -> int:
        """Records that were not replayed."""
        return sum(self.skipped_by.values())

    def plain(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)


def of_plain(plain: Mapping[str, Any]) -> Result:
    """What `plain` gave."""
    return Result(**{**plain, "changes": [Change(**change) for change in plain["changes"]]})


def joined(parts: Iterable[Result], examples: int, listed: int = LISTED) -> Result:
    """One result of several, its rows in order: the most frequent first."""
    whole = Result()
    undetermined: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    rows: dict[tuple[bool, str, str, str, str], Change] = {}
    for part in parts:
        for name in ("replayed", "same", "changed", "undetermined", "other_rule", "unlisted"):
            setattr(whole, name, getattr(whole, name) + getattr(part, name))
        undetermined.update(part.undetermined_by)
        skipped.update(part.skipped_by)
        for change in part.changes:
            key = (change.allowed, change.subject, change.client, change.resource, change.scope)
            rows[key] = _added(rows[key], change, examples) if key in rows else change
    ordered = sorted(rows.values(), key=_order)
    whole.undetermined_by, whole.skipped_by = dict(undetermined.most_common()), dict(skipped.most_common())
    whole.changes, whole.more_changes = ordered[:listed], max(0, len(ordered) - listed)
    return whole


def _added(one: Change, two: Change, examples: int) -> Change:
    first, second = (one, two) if one.examples[:1] <= two.examples[:1] else (two, one)
    return Change(
        *(one.allowed, one.subject, one.client, one.resource, one.scope, one.count + two.count),
        sorted([*one.examples, *two.examples])[:examples],
        first.rule or second.rule,
    )


def _order(change: Change) -> tuple[Any, ...]:
    return (-change.count, change.allowed, change.resource, change.scope, change.client, change.subject)
