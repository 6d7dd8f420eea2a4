"""`grantd db`: the schema of the database, and how long records stay."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from grantd_server.cli.recorded.second_place import sign_boundary
from grantd_server.cli.terminal.ending import USAGE, Config, author, end, opened, settings_of, told
from grantd_server.model.moments import utc

app = typer.Typer(help="The database.", no_args_is_help=True)

_DAY = 86400


@app.callback()
def database() -> None:
    """The database."""


@app.command()
def upgrade(config: Config = None) -> None:
    """Brings the database to the schema of this release; a database that has it is left alone."""
    with told():
        from grantd_server.settings.store_safety import store_problems  # noqa: PLC0415 - loaded with the settings
        from grantd_server.store.opening import SQLITE  # noqa: PLC0415 - late, as all commands
        from grantd_server.store.upgrading import upgrade_database  # noqa: PLC0415 - 0.5 s

        settings = settings_of(config)
        if problems := list(store_problems(settings)):
            end(USAGE, problems)
        opening = settings.opening("cli")
        name = settings.sqlite_path if opening.url.startswith(SQLITE) else "the database"
        print(f"{name} has schema {upgrade_database(opening)}")


@app.command()
def prune(
    config: Config = None,
    before: Annotated[
        datetime | None,
        typer.Option("--before", formats=["%Y-%m-%d"], help="Deletes records of the days before (UTC)."),
    ] = None,
    keep: Annotated[int | None, typer.Option("--keep", min=1, help="Keeps so many whole days beside today.")] = None,
) -> None:
    """Deletes old records: the beginning of each writer's chain, by whole days."""
    with told():
        if (before is None) == (keep is None):
            end(USAGE, ["Say --before DATE or --keep DAYS, one of them."])
        today = int(time.time()) // _DAY
        day = today - keep if keep is not None else int(before.replace(tzinfo=UTC).timestamp()) // _DAY if before else 0
        if day > today:
            end(USAGE, ["--before is a day that has not come yet."])
        asyncio.run(_prune(config, day * _DAY * 1_000_000))


@app.command()
def restored(
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")], config: Config = None
) -> None:
    """After a backup was restored: refuses every grant issued until now, whose use may be forgotten.

    Clients ask for fresh ones by themselves. Run it before the service serves on the database, with the clock right.
    """
    with told():
        if not reason.strip():
            end(USAGE, ["It has a reason."])
        now = int(time.time())
        asyncio.run(_restored(now, reason, config))
        print(f"grants issued before {utc(now)} are refused")


async def _restored(now: int, why: str, config: Config) -> None:
    from grantd_server.store import Withdrawal  # noqa: PLC0415 - late, as all commands
    from grantd_server.store.live_state import RESTORED  # noqa: PLC0415 - the same
    from grantd_server.store.records.act import act  # noqa: PLC0415 - the same

    entry = act("Restored", now, author=author(), why=why)
    async with opened(settings_of(config)) as store:
        # A day is longer than any grant lives, and no list is cluttered for ever.
        await store.withdraw(Withdrawal(RESTORED, str(now), why, now + _DAY, author()), entry)


async def _prune(config: Config, before_us: int) -> None:
    settings = settings_of(config)
    day = datetime.fromtimestamp(before_us / 1_000_000, UTC).date()
    signed = 0
    async with opened(settings) as store:
        # Before anything goes: without it, what a crash left half done would look like tampering.
        if going := await store.prunable(before_us):
            signed = await sign_boundary(settings, store, going, f"grantd db prune of records before {day}")
        heads = await store.prune(before_us)
    for head in heads:
        print(f"{head.writer}: records up to {head.seq} are gone; the last was {head.hash.hex()}")
    if signed:
        print(f"checkpoint {signed} says so")
    if not heads:
        print("there was nothing to prune")
