"""`--reason`: why an administrator acts, for the record; one option under one name everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

from grantd_server.cli.terminal.ending import USAGE, end

Why = Annotated[str, typer.Option("--reason", "--message", "-m", metavar="WHY", help="Why, for the record: one line.")]


def demand_reason(why: str, *, needed: bool = True) -> None:
    """Ends the command where the reason is none that a record takes."""
    from grantd_server.administration.desk import LONGEST_WHY  # noqa: PLC0415 - late, as all commands

    if needed and not why.strip():
        end(USAGE, ["Say why with --reason."])
    if len(why) > LONGEST_WHY or not why.isprintable():
        end(USAGE, [f"--reason is one line of at most {LONGEST_WHY} characters."])
