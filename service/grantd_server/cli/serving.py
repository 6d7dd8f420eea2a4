"""`grantd serve`: both halves in one process, or each by itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from grantd_server.cli.ending import Config, settings_of, told

app = typer.Typer(invoke_without_command=True, no_args_is_help=False)

Directory = Annotated[
    Path | None,
    typer.Option("--governance", help="Directory of the bundle, applied at the start and whenever it changes."),
]


@app.callback()
def serve(context: typer.Context, config: Config = None, governance: Directory = None) -> None:
    """Serves gRPC and HTTP in one process, or with `rpc` or `http` one of them."""
    if context.invoked_subcommand is None:
        _serve("BOTH", config, GRANTD__GOVERNANCE__DIRECTORY=_absolute(governance))
    else:
        # Options before the subcommand hold for it too.
        context.obj = (config, governance)


@app.command("rpc")
def serve_rpc(context: typer.Context, config: Config = None, governance: Directory = None) -> None:
    """Serves gRPC only."""
    above_config, above_governance = context.obj
    _serve("RPC", config or above_config, GRANTD__GOVERNANCE__DIRECTORY=_absolute(governance or above_governance))


@app.command("http")
def serve_http(
    context: typer.Context,
    config: Config = None,
    upstream: Annotated[str | None, typer.Option("--upstream", help="host:port of the gRPC service.")] = None,
) -> None:
    """Serves HTTP only, before a gRPC service elsewhere; holds no key but that of its TLS."""
    _serve("HTTP", config or context.obj[0], GRANTD__HTTP_UPSTREAM__ADDRESS=upstream)


def _absolute(directory: Path | None) -> str | None:
    return None if directory is None else str(directory.absolute())


def _serve(part: str, config: Path | None, **over: str | None) -> None:
    with told():
        import uvloop  # noqa: PLC0415 - needed to serve only

        from grantd_server.settings import Serving, check  # noqa: PLC0415 - 0.3 s

        settings = settings_of(config, **over)
        check(settings, Serving[part], os.environ)
        from grantd_server.wiring import serve  # noqa: PLC0415 - a second, which a typo need not wait for

        raise typer.Exit(uvloop.run(serve(settings, Serving[part])))
