"""How rows are printed: for people, as CSV, or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from grantd_server.cli.terminal.ending import USAGE, end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

AsJson = Annotated[bool, typer.Option("--json", help="Prints JSON.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Prints CSV.")]


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

    if as_json and as_csv:
        end(USAGE, ["Say --json or --csv, not both."])
    if as_json:
        print(exporting.as_json(rows), end="")
    elif as_csv:
        print(exporting.as_csv(kind, rows), end="")
    else:
        for line in lines(rows):
            print(line)
