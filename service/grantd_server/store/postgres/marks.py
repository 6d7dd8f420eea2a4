"""Trying one-time marks in batches: the inserts decide, and a look comes only after.

Rows go in sorted, in every replica: two windows that meet on several marks wait for
each other in one direction only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.store.postgres import statements as sql
from grantd_server.store.window.commit import Busy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantd_server.store import Mark
    from grantd_server.store.postgres.connection.link import Link

Key = tuple[int, str, bytes]
"""Space, issuer and digest of a mark."""


class _Try:
    """One mark for one decision, and the use that is tried."""

    __slots__ = ("decision_id", "key", "mark", "place", "use", "winner")

    def __init__(self, place: int, mark: Mark, decision_id: str) -> None:
        self.place = place
        self.mark = mark
        self.decision_id = decision_id
        self.key: Key = (mark.space.value, mark.issuer, mark.digest)
        self.use = 1
        self.winner: str | None = None


async def remembered(link: Link, marks: Sequence[tuple[Mark, str]]) -> list[str | None]:
    """Tries each mark for its decision; None where that won, else the winner's id."""
    tries = [_Try(place, mark, decision_id) for place, (mark, decision_id) in enumerate(marks)]
    left = sorted(tries, key=lambda each: (each.key, each.place))
    while left:
        left = await _insert(link, left)
        if not left:
            break
        left = await _rebind(link, left)
        left = await _next_uses(link, left)
    return [each.winner for each in tries]


async def _insert(link: Link, tries: Sequence[_Try]) -> list[_Try]:
    """Inserts what can be inserted; those that found their row taken."""
    rows = await link.within(
        sql.MARK,
        [each.key[0] for each in tries],
        [each.key[1] for each in tries],
        [each.key[2] for each in tries],
        [each.use for each in tries],
        [each.mark.until for each in tries],
        [each.decision_id for each in tries],
        [_left_to(each.mark) for each in tries],
    )
    won = {(row[0], row[1], row[2], row[3]) for row in rows}
    lost = []
    for each in tries:
        mine = (*each.key, each.decision_id)
        if mine in won:
            won.discard(mine)
        else:
            lost.append(each)
    return lost


async def _rebind(link: Link, tries: Sequence[_Try]) -> list[_Try]:
    """A mark with an owner is won by whoever it is bound to, until a use that spends it."""
    lost = []
    for each in tries:
        mark = each.mark
        if not mark.owner or not await link.within(
            sql.REBIND, *each.key, mark.owner, _left_to(mark), each.decision_id
        ):  # fmt: skip
            lost.append(each)
    return lost


async def _next_uses(link: Link, tries: Sequence[_Try]) -> list[_Try]:
    """Names the winners; those that have uses left are to be tried again."""
    if not tries:
        return []
    keys = sorted({each.key for each in tries})
    rows = await link.within(sql.WINNERS, [key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys])
    newest: dict[Key, tuple[int, str]] = {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}
    again = []
    for each in tries:
        if each.key not in newest:
            raise Busy("a mark outlived its time meanwhile")
        use, winner = newest[each.key]
        if use < each.mark.uses and not each.mark.owner:
            each.use = use + 1
            again.append(each)
        else:
            each.winner = winner
    return again


def _left_to(mark: Mark) -> str | None:
    """The owner that a use leaves behind: none where a mark has none, nobody once it is spent."""
    return ("" if mark.spends else mark.owner) if mark.owner else None
