"""Long reads of decisions in a SQLite file, a page at a time: no page holds a lock, or keeps the log
from being copied into the file, longer than it takes to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantd_server.store.records.decided import DECISIONS, PAGE, DecisionSpan, id_bounds, span_of
from grantd_server.store.sqlite import statements as sql

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Fetch = Callable[[str, tuple[Any, ...]], Awaitable[list[Any]]]
    """All rows of one statement."""


async def decisions(fetch: Fetch, since_us: int, until_us: int) -> AsyncIterator[list[tuple[str, bytes]]]:
    """Id and body of the decisions of that time, oldest first."""
    after, end = id_bounds(since_us, until_us)
    while page := await fetch(sql.DECISIONS, (after, end, *DECISIONS, PAGE)):
        yield page
        after = page[-1][0]


async def decision_span(fetch: Fetch, since_us: int, until_us: int) -> DecisionSpan | None:
    """Where they are."""
    (row,) = await fetch(sql.DECISION_SPAN, id_bounds(since_us, until_us))
    return span_of(*row)
