"""How rows are printed: for people, as CSV, or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantd_server.cli.terminal.programs import demand_one

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


def print_rows(
    kind: type[Any],
    rows: Sequence[Any],
    lines: Callable[[Sequence[Any]], Iterable[str]],
    *,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Prints rows of one kind; `lines` makes them readable."""
    from grantd_server.governance.analysis import exporting  # noqa: PLC0415 - late, as all commands

    demand_one(as_json=as_json, as_csv=as_csv)
    if as_json:
        print(exporting.as_json(rows), end="")
    elif as_csv:
        print(exporting.as_csv(kind, rows), end="")
    else:
        for line in lines(rows):
            print(line)
