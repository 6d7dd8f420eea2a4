"""What differs between two bundles, and what policy tests said, as lines for people."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from grantd_server.audit.explaining.shown import shown
from grantd_server.governance.analysis.difference.rows import GAINED, LOST, Change, grouped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd.administration.governance.results import AccessChange, BundleDiff, FieldChange, PolicyTests


def change_lines(diff: BundleDiff) -> Iterator[str]:
    """By field, then by who gains or loses what."""
    for each in diff.fields:
        yield shown(
            f"{each.kind} {each.section}.{each.name}" + (f".{each.field}: {_values(each)}" if each.field else ""), 2000
        )
    if diff.more_fields:
        yield f"and {diff.more_fields} fields more"
    for line in grouped(_access(each) for each in diff.access):
        yield shown(line, 2000)
    if diff.more_access:
        yield f"and {diff.more_access} gains and losses more"


def test_lines(report: PolicyTests) -> Iterator[str]:
    """What did not pass."""
    for each in report.failures:
        yield shown(f"{each.place}: {each.name}: failed", 2000)
        if each.expected:
            yield shown(f"  expected {each.expected}", 2000)
        yield shown(f"  got      {each.got}", 2000)
        yield from (shown(f"    {line}", 2000) for line in each.because)
    if report.total:
        yield f"{report.total - report.failed} of {report.total} policy tests pass"


def change_rows(diff: BundleDiff) -> dict[str, Any]:
    """The same for programs: who gains or loses what as `grantd policy diff` has it."""
    fields = [asdict(each) for each in diff.fields]
    left_out = {"more_fields": diff.more_fields, "more_access": diff.more_access}
    return {"fields": fields, "access": [asdict(_access(each)) for each in diff.access], **left_out}


def test_rows(report: PolicyTests) -> dict[str, Any]:
    """What policy tests said, for programs."""
    return asdict(report)


def _access(change: AccessChange) -> Change:
    direction = GAINED if change.gained else LOST
    return Change(
        direction,
        change.subject,
        change.client,
        change.resource,
        change.scope,
        change.issuer,
        change.when,
        change.rules_before,
        change.rules_after,
    )


def _values(change: FieldChange) -> str:
    match change.kind:
        case "added":
            return change.after
        case "removed":
            return change.before
    return f"{change.before} -> {change.after}"
