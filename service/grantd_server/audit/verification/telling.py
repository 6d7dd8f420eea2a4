"""A report as text for a person and as plain values for a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantd_server.audit.explaining.shown import shown
from grantd_server.model.moments import utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.audit.verification.checkpoint_chain import CheckpointChain
    from grantd_server.audit.verification.verification import Report
    from grantd_server.audit.verification.writer_chain import WriterChain


def lines(report: Report) -> Iterator[str]:
    """The report line by line."""
    for writer in report.writers:
        yield from _writer(writer)
    for place in report.places:
        yield from _place(place)
    for finding in report.findings:
        yield f"WRONG  {shown(finding)}"
    yield _window(report)
    yield "everything that can be proven holds" if report.holds else "NOT what it was: see the lines marked WRONG"


def as_plain(report: Report) -> dict[str, Any]:
    """The report in JSON types."""
    return {
        "holds": report.holds,
        "writers": [
            {
                "writer": str(writer.writer),
                "rows": writer.rows,
                "first": writer.first,
                "last": writer.last,
                "proven": writer.proven.seq if writer.proven is not None else 0,
                "open": writer.open,
                "backdated": writer.backdated,
                "problem": writer.problem,
                "record": str(writer.bad),
            }
            for writer in report.writers
        ],
        "places": [
            {
                "place": place.name,
                "checkpoints": place.count,
                "first": place.first.number if place.first is not None else 0,
                "last": place.last.number if place.last is not None else 0,
                "last_hash": place.last_hash,
                "last_time_us": place.last.time_us if place.last is not None else 0,
                "unfinished": place.unfinished,
                "notes": place.notes,
                "findings": place.findings,
                "more": place.more,
            }
            for place in report.places
        ],
        "findings": list(report.findings),
        "window_seconds": report.window,
        "window_rows": sum(writer.open for writer in report.writers),
    }


def _writer(writer: WriterChain) -> Iterator[str]:
    extent = f"{writer.rows} rows, {writer.first} to {writer.last}" if writer.rows else "no rows"
    name = f"writer {shown(writer.writer)}: {extent}"
    if not writer.problem:
        yield f"ok     {name}, hold"
    else:
        record = f" (record {shown(writer.bad)})" if writer.bad else ""
        yield f"WRONG  {name}: {shown(writer.problem)}{record}"
    if writer.proven is not None:
        yield f"       proven to row {writer.proven.seq} by {writer.proven} of {_time(writer.proven.time_us)}"
    if writer.backdated:
        yield f"       note: {writer.backdated} rows after it call themselves much older than it"


def _place(place: CheckpointChain) -> Iterator[str]:
    name = f"second place {shown(place.name)}"
    if place.first is not None and place.last is not None:
        name += f": {place.count} checkpoints, {place.first.number} of {_time(place.first.time_us)}"
        name += f" to {place.last.number} of {_time(place.last.time_us)}"
    yield f"{'WRONG ' if place.findings else 'ok    '} {name}"
    for finding in place.findings:
        yield f"WRONG  {shown(finding)}"
    if place.more:
        yield f"WRONG  and {place.more} more like these"
    for note in place.notes:
        yield f"       {shown(note)}"
    if place.unfinished:
        yield f"       {place.unfinished} lines were never finished; no checkpoint names them"
    if place.last_hash:
        yield f"       last: {place.last_hash} (give it to --seen next time)"


def _window(report: Report) -> str:
    rows = sum(writer.open for writer in report.writers)
    if report.window is None:
        return f"open   all {rows} rows: without checkpoints, whoever can write the database may have made them anew"
    return f"open   {rows} rows and {report.window:.0f} seconds after the last checkpoint, which nothing proves yet"


def _time(time_us: int) -> str:
    return utc(time_us / 1e6)
