"""`grantd apply`: a directory becomes the bundle in force; and `grantd show`, what it says."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from grantd_server.cli.terminal.ending import REFUSED, Existence, end, told
from grantd_server.cli.terminal.moments import moment_before
from grantd_server.cli.terminal.programs import AsJson
from grantd_server.cli.terminal.reach import Reach, reaching
from grantd_server.cli.terminal.why import Why, demand_reason

if TYPE_CHECKING:
    from grantd.administration import Directory
    from grantd.administration.governance.results import Applied, PolicyTests

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of YAML files.")]
NoSecrets = Annotated[
    bool, typer.Option("--no-secrets", help="Takes secrets that only the service can see for granted.")
]
Expect = Annotated[
    int | None, typer.Option("--expect", metavar="EPOCH", min=0, help="Refuses where another epoch is in force.")
]


@reaching
def apply_directory(
    reach: Reach,
    directory: Folder,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Validates, tests, and shows what would change.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Applies although policy tests fail.")] = False,
    expect: Expect = None,
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="A dry run replays decisions on record from then on: 7d.")
    ] = "7d",
    no_secrets: NoSecrets = False,
    reason: Why = "",
    as_json: AsJson = False,
) -> None:
    """Validates a directory, runs its policy tests, shows what changes, and puts it in force.

    Faults are told as file:line:column; with them, or with failing tests, nothing is changed.
    """
    with told():
        demand_reason(reason, needed=False)
        if reach.server is None:
            from grantd_server.governance.document import parse_directory  # noqa: PLC0415 - 0.2 s

            parse_directory(directory)  # before a store is made for what is no bundle
        elif not directory.is_dir():
            end(REFUSED, [f"{directory}: there is no such folder"])
        from grantd.administration import BundleInvalid, Directory, PolicyTestsFailed  # noqa: PLC0415 - late, as all commands

        how = {"dry_run": dry_run, "force": force, "expected_epoch": expect, "reason": reason}
        if dry_run:
            how["replay_since"] = moment_before("--since", since)
        sent = Directory.read(directory)
        try:
            applied = asyncio.run(_apply(reach, sent, None if no_secrets else directory, how))
        except BundleInvalid as invalid:
            if as_json:
                _print_json({"faults": invalid.faults, "activated": False})
            raise
        except PolicyTestsFailed as failed:
            _tell(failed.applied, as_json=as_json)
            _refuse(failed.applied.tests)
        _tell(applied, as_json=as_json, dry_run=dry_run)
        if dry_run and applied.tests.failed and not force:
            _refuse(applied.tests)


def show_directory(directory: Folder) -> None:
    """Validates a directory and prints the bundle that it makes, as one file.

    What a profile filled in is marked; everything else is as it was written.
    """
    with told():
        from grantd_server.governance.document import parse_directory, version_of  # noqa: PLC0415 - 0.2 s
        from grantd_server.governance.effective import effective  # noqa: PLC0415 - the same

        document = parse_directory(directory)
        print(f"# {version_of(document)}\n{effective(document)}", end="")


async def _apply(reach: Reach, directory: Directory, secrets: Path | None, how: dict[str, Any]) -> Applied:
    existence = Existence.PRETENDED if how["dry_run"] else Existence.MADE
    async with reach.governance(existence, secrets) as governance:
        return await governance.apply_bundle(directory, **how)


def _plain(applied: Applied) -> dict[str, Any]:
    """What came of it, for programs; the exit code is the same."""
    from grantd_server.cli.governing.changes import change_rows, test_rows  # noqa: PLC0415 - late, as all commands

    return {
        "faults": [],
        "version": applied.version,
        "activated": applied.activated,
        "epoch": applied.epoch,
        "compared_epoch": applied.compared_epoch,
        "compared_version": applied.diff.from_version,
        **change_rows(applied.diff),
        "tests": test_rows(applied.tests),
        "replay": None if applied.replay is None else asdict(applied.replay),
    }


def _tell(applied: Applied, *, as_json: bool, dry_run: bool = False) -> None:
    if as_json:
        _print_json(_plain(applied))
    else:
        _print(applied, dry_run=dry_run)


def _print_json(told: dict[str, Any]) -> None:
    from grantd_server.audit.explaining.shown import as_json as exact  # noqa: PLC0415 - late, as all commands

    print(exact(told, indent=2))


def _refuse(tests: PolicyTests) -> NoReturn:
    end(REFUSED, [f"{tests.failed} of {tests.total} policy tests fail; --force applies all the same."])


def _print(applied: Applied, *, dry_run: bool) -> None:
    from grantd_server.audit.explaining.shown import shown  # noqa: PLC0415 - late, as all commands
    from grantd_server.cli.governing.changes import change_lines, test_lines  # noqa: PLC0415 - the same

    for line in (*change_lines(applied.diff), *test_lines(applied.tests)):
        print(line)
    if applied.replay is not None:
        changed, unknown = applied.replay.changed, applied.replay.undetermined
        told = f", {unknown} cannot be told" if unknown else ""
        print(f"{changed} decisions on record would end otherwise{told}; `grantd simulate` lists them")
    version = shown(applied.version)
    if applied.activated:
        print(f"{version} is in force, epoch {applied.epoch}")
    elif applied.version == applied.diff.from_version:
        print(f"{version} was in force already, epoch {applied.epoch}")
    elif dry_run:
        count = len(applied.diff.fields) + applied.diff.more_fields
        changes = "1 change" if count == 1 else f"{count} changes"
        print(f"compared with epoch {applied.compared_epoch}; --expect {applied.compared_epoch} applies it to no other")
        print(f"{version} is valid; {changes}; nothing was applied")
