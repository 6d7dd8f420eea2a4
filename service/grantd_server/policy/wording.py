"""How values read in an explanation: sorted, few, and cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

UNKNOWN_TEXT = "unknown"

MOST_SHOWN = 8
"""Values of one list; a user in 2,000 groups must not fill a record."""

LONGEST_SHOWN = 80
"""Characters of one value; names come from directories."""


def several(values: Collection[str]) -> str:
    """Lists the first few values in order, and counts the rest."""
    if not values:
        return "none"
    shown = [_cut(value) for value in sorted(values)[:MOST_SHOWN]]
    if len(values) > MOST_SHOWN:
        shown.append(f"{len(values) - MOST_SHOWN} more")
    return ", ".join(shown)


def one_of(values: Collection[str]) -> str:
    """The values of a clause, any of which is enough."""
    return several(values) if len(values) == 1 else f"one of {several(values)}"


def _cut(value: str) -> str:
    return value if len(value) <= LONGEST_SHOWN else value[: LONGEST_SHOWN - 1] + "…"
