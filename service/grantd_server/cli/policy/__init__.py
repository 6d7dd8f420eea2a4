"""`grantd policy`: what rules grant, asked of a directory, without a service."""

from __future__ import annotations

import typer

from grantd_server.cli.policy import testing

app = typer.Typer(help="Validates, tests, explains and compares policies, offline.", no_args_is_help=True)
app.command("test")(testing.run_policy_tests)

__all__ = ["app"]
