"""By which columns records are searched, as a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SEARCHED: Final = frozenset({"client", "chain", "reason", "subject"})


def searched(columns: Iterable[str], placeholder: Callable[[int], str]) -> str:
    """A condition on these columns; `placeholder` writes the parameter of each.

    Raises:
        TypeError: there is no index for one of them.
    """
    wanted = list(columns)
    if unknown := set(wanted) - SEARCHED:
        raise TypeError(f"records are not searched by {', '.join(sorted(unknown))}")
    # The second half lets the index of the column be used, which leaves out the empty.
    clauses = (f"{column} = {placeholder(number)} AND {column} <> ''" for number, column in enumerate(wanted))
    return " AND ".join(clauses) or "true"
