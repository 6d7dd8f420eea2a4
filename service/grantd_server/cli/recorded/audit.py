"""`grantd audit`: proves that records are what they were, offline."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.recorded.second_place import LONGEST_REASON, sign_restoration
from grantd_server.cli.recorded.sources import places_of, read_place, read_records, records_of, trusted_keys
from grantd_server.cli.terminal.ending import REFUSED, USAGE, Config, end, opened, settings_of, told

if TYPE_CHECKING:
    from grantd_server.settings import Settings

app = typer.Typer(help="Proof that records are what they were.", no_args_is_help=True)

Records = Annotated[
    Path | None,
    typer.Option("--records", metavar="FILE", help="A database file, a copy of one, or an export; else store.url."),
]
Places = Annotated[
    list[Path] | None,
    typer.Option("--checkpoints", metavar="DIR", help="A second place; more than one may be named."),
]
Keys = Annotated[
    Path | None,
    typer.Option("--keys", metavar="FILE", help="Trusted public keys, from `grantd audit keys`; else keys.directory."),
]
ChainsOnly = Annotated[
    bool, typer.Option("--chains-only", help="Without checkpoints: whoever can write the database is not caught.")
]
MaxAge = Annotated[float | None, typer.Option("--max-age", help="Seconds old that the last checkpoint may be.")]
Seen = Annotated[
    list[str] | None, typer.Option("--seen", metavar="HASH", help="A checkpoint that must still be there.")
]


@app.callback()
def audit() -> None:
    """Proof that records are what they were; see docs/audit.md."""


@app.command()
def verify(
    records: Records = None,
    checkpoints: Places = None,
    keys: Keys = None,
    *,
    chains_only: ChainsOnly = False,
    max_age: MaxAge = None,
    seen: Seen = None,
    as_json: Annotated[bool, typer.Option("--json", help="Prints the report for programs.")] = False,
    config: Config = None,
) -> None:
    """Verifies records against each other and against signed checkpoints.

    Reads only, also while the service runs. Exits with 1 when anything is wrong.
    """
    with told():
        from grantd.jwk import KeySet  # noqa: PLC0415 - late, as all commands
        from grantd_server.audit.verification.telling import as_plain, lines  # noqa: PLC0415 - the same
        from grantd_server.audit.verification.verification import Verification  # noqa: PLC0415 - the same

        # An auditor who names everything needs no settings of the service.
        named = records is not None and (chains_only or (checkpoints and keys))
        settings = None if named else settings_of(config)
        places = [] if chains_only else places_of(checkpoints, settings)
        trusted = trusted_keys(keys, settings) if places else KeySet(())
        with Verification(trusted, seen=seen or ()) as verification:
            for place in places:
                read_place(verification, place)
            asyncio.run(read_records(verification, settings, records))
            report = verification.report(time.time(), max_age)
        print(json.dumps(as_plain(report), indent=2) if as_json else "\n".join(lines(report)))
        if not report.holds:
            raise typer.Exit(REFUSED)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; it must not be there yet.")],
    records: Records = None,
    config: Config = None,
) -> None:
    """Writes all records as JSON lines, to be verified elsewhere."""
    with told():
        settings = settings_of(config) if records is None else None
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as fault:
            end(USAGE, [f"{file} cannot be made: {fault.strerror}."])
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            count = asyncio.run(_export(settings, records, out))
        print(f"{count} records are in {file}")


@app.command()
def restored(
    reason: Annotated[str, typer.Option("--reason", help="Why, for the auditors.")], config: Config = None
) -> None:
    """After a backup was restored: signs that records after it are lost, and why.

    Without it, what is lost is found as a cut for ever.
    """
    with told():
        if not reason.strip() or not reason.isprintable() or len(reason) > LONGEST_REASON:
            end(USAGE, [f"A reason is one line of at most {LONGEST_REASON} characters."])
        number = asyncio.run(_restored(settings_of(config), reason))
        if not number:
            end(USAGE, ["audit.checkpoints.directory is not set, so that there is nothing to sign for."])
        print(f"checkpoint {number} says so")


@app.command("keys")
def public_keys(config: Config = None) -> None:
    """Prints the public keys that checkpoints are verified with, as a JWK set.

    Keep the output where the auditors are: a key that is found beside a log proves nothing.
    """
    with told():
        from grantd.jwk import public_jwk  # noqa: PLC0415 - late, as all commands

        keyset = trusted_keys(None, settings_of(config))
        print(json.dumps({"keys": [public_jwk(key.public, key.kid or "", key.alg) for key in keyset.keys]}, indent=2))


async def _restored(settings: Settings, reason: str) -> int:
    async with opened(settings) as store:
        return await sign_restoration(settings, store, reason)


async def _export(settings: Settings | None, records: Path | None, out: IO[str]) -> int:
    from grantd_server.store.records.reading.exported import head_line, record_line  # noqa: PLC0415 - late, as all commands

    count = 0
    async with records_of(settings, records) as source:
        out.write(head_line(await source.heads()))
        async for row in source.history():
            out.write(record_line(row))
            count += 1
    return count
