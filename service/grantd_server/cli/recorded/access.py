"""`grantd access report`: what was used, and what was granted and never used."""

from __future__ import annotations

import asyncio
import csv
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from grantd_server.cli.terminal.ending import told
from grantd_server.cli.terminal.moments import moment_before
from grantd_server.cli.terminal.programs import AsCsv, AsJson, demand_one
from grantd_server.cli.terminal.reach import Reach, reaching
from grantd_server.model.moments import utc

if TYPE_CHECKING:
    from grantd.administration.decisions.results import AccessUse

app = typer.Typer(help="Access as it is used.", no_args_is_help=True)

COLUMNS: Final = (
    "client", "resource", "users", "users_at_most", "grants", "tokens", "last_used", "scopes", "unused_scopes",
)  # fmt: skip


@app.callback()
def access() -> None:
    """Access as it is used; see docs/explain.md."""


@app.command("report")
@reaching
def report_access(
    reach: Reach,
    since: Annotated[str, typer.Option("--since", metavar="WHEN", help="30d ago, or 2027-01-31T00:00:00Z.")] = "30d",
    *,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
) -> None:
    """Reports clients by resources: users, grants, tokens, last use, and scopes that nobody used."""
    with told():
        demand_one(as_json=as_json, as_csv=as_csv)
        rows = [_row(use) for use in asyncio.run(_uses(reach, moment_before("--since", since)))]
        if as_json:
            from grantd_server.audit.explaining.shown import as_json as exact  # noqa: PLC0415 - late, as all commands

            print(exact(rows, indent=2))
        elif as_csv:
            _write_csv(rows)
        else:
            _print(rows)


async def _uses(reach: Reach, since: int) -> list[AccessUse]:
    async with reach.decisions() as decisions:
        return [use async for use in decisions.report_access(since=since, until=int(time.time()) + 1)]


def _row(use: AccessUse) -> dict[str, Any]:
    row = {name: getattr(use, name) for name in COLUMNS}
    row |= {name: list(row[name]) for name in ("scopes", "unused_scopes")}
    row["last_used"] = utc(use.last_used) if use.last_used else ""
    return row


def _write_csv(rows: list[dict[str, Any]]) -> None:
    from grantd_server.governance.analysis.exporting import cell  # noqa: PLC0415 - late, as all commands

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([cell(row[name]) for name in COLUMNS])


def _print(rows: list[dict[str, Any]]) -> None:
    from grantd_server.audit.explaining.shown import shown as safe  # noqa: PLC0415 - late, as all commands

    for row in rows:
        print(f"{safe(row['client'])} at {safe(row['resource'])}")
        if row["last_used"]:
            most = "" if row["users"] == row["users_at_most"] else f" to {row['users_at_most']}"
            print(
                f"  {row['users']}{most} users, {row['grants']} grants, {row['tokens']} tokens, last {row['last_used']}"
            )
            print(f"  used        {safe(row['scopes'])}")
        if row["unused_scopes"]:
            print(f"  never used  {safe(row['unused_scopes'])}")
    if not rows:
        print("nothing was used, and nothing is granted")
