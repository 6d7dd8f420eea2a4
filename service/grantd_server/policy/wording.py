"""How values read in an explanation: sorted, few, and cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from grantd_server.model.bundle.rules import SignIn, StepUp

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


def sign_in_text(found: SignIn, now: int) -> str:
    """How, with what and when somebody signed in."""
    acr = f"acr {_cut(found.acr)}" if found.acr else "no acr"
    amr = f"amr {several(found.amr).replace(',', '')}" if found.amr else "no amr"
    when = "at an unknown time" if found.auth_time is None else f"{now - found.auth_time} s ago"
    return f"{acr}, {amr}, signed in {when}"


def step_up_text(wanted: StepUp) -> str:
    """The sign-in that would do."""
    acr = [f"acr {' or '.join(_cut(value) for value in wanted.acr_values)}"] if wanted.acr_values else []
    age = [] if wanted.max_age is None else [f"signed in at most {wanted.max_age} s ago"]
    return ", ".join([*acr, *age])


def _cut(value: str) -> str:
    return value if len(value) <= LONGEST_SHOWN else value[: LONGEST_SHOWN - 1] + "…"
