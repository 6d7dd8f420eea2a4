"""What came of a simulation, as lines for people and as JSON for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.simulation.report.result import Change, Result

SHOWN: Final = 40
"""Rows of each table for people; JSON has all that are listed."""


def as_plain(result: Result) -> dict[str, Any]:
    """JSON types; keys are only ever added."""
    return {**result.plain(), "skipped": result.skipped}


def lines(result: Result) -> Iterator[str]:
    """The counts, then what would change."""
    yield f"{result.replayed:,} decisions replayed, {result.skipped:,} skipped"
    other = f", {result.other_rule:,} of them by another rule" if result.other_rule else ""
    yield f"{result.same:>12,}  end alike{other}"
    yield f"{result.changed:>12,}  would end otherwise"
    yield f"{result.undetermined:>12,}  undetermined"
    yield from _counts("undetermined, for want of", result.undetermined_by)
    yield from _counts("skipped, as they", result.skipped_by)
    yield from _table("newly allowed", [change for change in result.changes if change.allowed])
    yield from _table("newly refused", [change for change in result.changes if not change.allowed])
    if result.more_changes:
        yield f"and {result.more_changes:,} rows more"
    if result.unlisted:
        yield f"and {result.unlisted:,} changes of a scope that found no room in the table"


def _counts(title: str, counts: Mapping[str, int]) -> Iterator[str]:
    if counts:
        yield f"{title}"
        yield from (f"{count:>12,}  {name}" for name, count in counts.items())


def _table(title: str, changes: list[Change]) -> Iterator[str]:
    if not changes:
        return
    yield f"{title}: decisions, user, client, resource, scope"
    for change in changes[:SHOWN]:
        rule = f"  by {change.rule}" if change.rule else ""
        where = f"{change.subject}  {change.client}  {change.resource or '-'}  {change.scope}"
        yield f"{change.count:>12,}  {where}{rule}"
        if change.examples:
            yield f"{'':>14}such as {' '.join(change.examples)}"
    if len(changes) > SHOWN:
        yield f"{'':>14}and {len(changes) - SHOWN:,} rows more; --json has them"
