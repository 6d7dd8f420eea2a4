"""`grantd db`: the schema of the database."""

from __future__ import annotations

import typer

from grantd_server.cli.ending import USAGE, Config, end, settings_of, told

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.callback()
def database() -> None:
    """The database."""


@app.command()
def upgrade(config: Config = None) -> None:
    """Brings the database to the schema of this release; a database that has it is left alone."""
    with told():
        from grantd_server.store.upgrading import upgrade_file  # noqa: PLC0415 - 0.5 s

        try:
            path = settings_of(config).sqlite_path
        except ValueError as fault:
            end(USAGE, [f"{fault}."])
        print(f"{path} has schema {upgrade_file(path)}")
