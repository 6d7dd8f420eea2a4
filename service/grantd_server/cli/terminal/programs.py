"""Output for programs: `--json` and `--csv`, under the same names everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

from grantd_server.cli.terminal.ending import USAGE, end

AsJson = Annotated[bool, typer.Option("--json", help="Prints JSON, for programs.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Prints comma-separated values.")]


def demand_one(*, as_json: bool, as_csv: bool) -> None:
    """Ends the command where it is asked for both."""
    if as_json and as_csv:
        end(USAGE, ["Say --json or --csv, not both."])
