"""`grantd serve`: both halves in one process or each by itself, in one worker or several."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.terminal.ending import Config, settings_of, told

if TYPE_CHECKING:
    from grantd_server.settings import Settings

app = typer.Typer(invoke_without_command=True, no_args_is_help=False)

Directory = Annotated[
    Path | None,
    typer.Option("--governance", help="Directory of the bundle, applied at the start and whenever it changes."),
]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Worker processes; several need PostgreSQL.")]
Upstream = Annotated[str | None, typer.Option("--upstream", help="host:port of the gRPC service.")]
Seat_ = Annotated[str | None, typer.Option("--seat", hidden=True, help="Of a worker that was started by another.")]


@dataclass(frozen=True, slots=True)
class Asked:
    """Options of the command line; those before a subcommand hold for it too."""

    config: Path | None = None
    governance: Path | None = None
    workers: int | None = None
    upstream: str | None = None
    seat: str | None = None

    def variables(self) -> dict[str, str]:
        """The settings that they stand for, as variables; workers inherit them."""
        found = {
            "GRANTD_CONFIG": self.config,
            "GRANTD__GOVERNANCE__DIRECTORY": self.governance and self.governance.absolute(),
            "GRANTD__WORKERS": self.workers,
            "GRANTD__HTTP_UPSTREAM__ADDRESS": self.upstream,
        }
        return {name: str(value) for name, value in found.items() if value is not None}


@app.callback()
def serve(
    context: typer.Context,
    config: Config = None,
    governance: Directory = None,
    workers: Workers = None,
    seat: Seat_ = None,
) -> None:
    """Serves gRPC and HTTP in one process, or with `rpc` or `http` one of them."""
    asked = Asked(config, governance, workers, seat=seat)
    if context.invoked_subcommand is None:
        _serve("BOTH", asked)
    else:
        context.obj = asked


@app.command("rpc")
def serve_rpc(
    context: typer.Context, config: Config = None, governance: Directory = None, workers: Workers = None
) -> None:
    """Serves gRPC only."""
    above: Asked = context.obj
    _serve(
        "RPC",
        Asked(config or above.config, governance or above.governance, workers or above.workers, seat=above.seat),
    )


@app.command("http")
def serve_http(
    context: typer.Context, config: Config = None, workers: Workers = None, upstream: Upstream = None
) -> None:
    """Serves HTTP only, before a gRPC service elsewhere; holds no key but that of its TLS."""
    above: Asked = context.obj
    _serve("HTTP", Asked(config or above.config, None, workers or above.workers, upstream, above.seat))


def _serve(part: str, asked: Asked) -> None:
    with told():
        import asyncio  # noqa: PLC0415 - needed to serve only

        from grantd_server.settings import Serving, check  # noqa: PLC0415 - 0.3 s

        serving, over = Serving[part], asked.variables()

        def checked() -> Settings:
            settings = settings_of(asked.config, **over)
            check(settings, serving, os.environ)
            return settings

        settings = checked()
        if asked.seat is None and settings.workers > 1:
            from grantd_server.wiring.processes.supervise import supervise  # noqa: PLC0415 - for several workers only

            raise typer.Exit(asyncio.run(supervise(settings, serving, {**os.environ, **over}, checked)))
        import uvloop  # noqa: PLC0415 - needed to serve only

        from grantd_server.wiring.processes.seat import Seat  # noqa: PLC0415 - as below
        from grantd_server.wiring.serve import serve  # noqa: PLC0415 - a second, which a typo need not wait for

        seat = None if asked.seat is None else Seat.read(asked.seat)
        raise typer.Exit(uvloop.run(serve(settings, serving, seat)))
