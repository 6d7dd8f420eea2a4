"""`grantd db`: the schema of the database."""

from __future__ import annotations

import typer

from grantd_server.cli.ending import TRY_AGAIN, USAGE, Config, end, settings_of, told

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.callback()
def database() -> None:
    """The database."""


@app.command()
def upgrade(config: Config = None) -> None:
    """Brings the database to the schema of this release; a database that has it is left alone."""
    with told():
        from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 - 0.5 s

        from grantd_server.store import migrations  # noqa: PLC0415 - the same

        try:
            path = settings_of(config).sqlite_path
        except ValueError as fault:
            end(USAGE, [f"{fault}."])
        try:
            migrations.upgrade(f"sqlite:///{path}")
        except DBAPIError as fault:
            # The library's text may hold parameters; the driver's class tells enough.
            end(TRY_AGAIN, [f"{path} cannot be upgraded: {type(fault.orig).__name__}."])
        print(f"{path} has schema {migrations.newest()}")
