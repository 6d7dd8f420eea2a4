"""All commands of `grantd`, and what its exit codes mean."""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import Annotated

import typer

from grantd_server.cli import policy
from grantd_server.cli.decoding import command as decoding
from grantd_server.cli.governing import blocks, bundle, secrets, simulate, versions
from grantd_server.cli.operating import database, doctor, keys, serving
from grantd_server.cli.recorded import access, audit, chains, decisions

app = typer.Typer(
    name="grantd",
    help="Enterprise-managed authorization for MCP servers.",
    epilog="Exit codes: 0 done; 1 refused, invalid or not found; 2 wrong usage or settings; "
    "3 the database cannot be reached or somebody else was faster: try again.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(serving.app, name="serve")
app.add_typer(keys.app, name="keys")
app.add_typer(secrets.app, name="client")
app.add_typer(database.app, name="db")
app.add_typer(audit.app, name="audit")
app.add_typer(policy.app, name="policy")
app.add_typer(decisions.app, name="decisions")
app.add_typer(access.app, name="access")
app.command("apply")(bundle.apply_directory)
app.command("show")(bundle.show_directory)
app.command("explain")(decisions.explain_decision)
app.command("simulate")(simulate.simulate_directory)
app.command("doctor")(doctor.examine_setup)
app.command("chain")(decisions.trace_chain)
app.command("block")(blocks.block)
app.command("unblock")(blocks.unblock)
app.command("blocks")(blocks.list_blocks)
app.command("revoke")(chains.revoke_chain)
app.command("versions")(versions.list_versions)
app.command("diff")(versions.diff_versions)
app.command("rollback")(versions.roll_back)
app.command("decode")(decoding.decode)


def _print_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def grantd(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Prints the version.")
    ] = False,
) -> None:
    """Enterprise-managed authorization for MCP servers."""


@app.command()
def version() -> None:
    """Prints the version."""
    print(version_of("grantd"))
