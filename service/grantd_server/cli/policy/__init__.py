"""`grantd policy`: what rules grant, asked of a directory, without a service."""

from __future__ import annotations

import typer

from grantd_server.cli.policy import comparing, explaining, linting, reviewing, testing, validating

app = typer.Typer(help="Validates, tests, explains and compares policies, offline.", no_args_is_help=True)
app.command("validate")(validating.validate_directory)
app.command("test")(testing.run_policy_tests)
app.command("explain")(explaining.explain_request)
app.command("diff")(comparing.diff_bundles)
app.command("who-can")(reviewing.who_can)
app.command("what-can")(reviewing.what_can)
app.command("lint")(linting.lint_directory)

__all__ = ["app"]
