"""What differs between two bundles, and what policy tests said, as lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.audit.explaining.shown import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd.v1 import governance_pb2 as pb


def change_lines(diff: pb.BundleDiff) -> Iterator[str]:
    """By field, then by who gains or loses what."""
    for each in diff.fields:
        yield shown(
            f"{each.kind} {each.section}.{each.name}" + (f".{each.field}: {_values(each)}" if each.field else ""), 2000
        )
    if diff.more_fields:
        yield f"and {diff.more_fields} fields more"
    for access in diff.access:
        sign = "+" if access.gained else "-"
        rules = f" ({', '.join(access.rules)})" if access.rules else ""
        what = f"{access.scope} at {access.resource} through {access.client}"
        yield shown(f"{sign} {access.subject}: {what}{rules}", 2000)
    if diff.more_access:
        yield f"and {diff.more_access} gains and losses more"


def test_lines(report: pb.PolicyTestReport) -> Iterator[str]:
    """What did not pass."""
    for each in report.failures:
        yield shown(f"{each.place}: {each.name}: failed", 2000)
        if each.expected:
            yield shown(f"  expected {each.expected}", 2000)
        yield shown(f"  got      {each.got}", 2000)
        yield from (shown(f"    {line}", 2000) for line in each.because)
    if report.total:
        yield f"{report.total - report.failed} of {report.total} policy tests pass"


def _values(change: pb.FieldChange) -> str:
    match change.kind:
        case "added":
            return change.after
        case "removed":
            return change.before
    return f"{change.before} -> {change.after}"
