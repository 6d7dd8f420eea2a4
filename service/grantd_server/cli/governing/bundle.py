"""`grantd apply`: a directory becomes the bundle in force; and `grantd show`, what it says."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grantd_server.cli.terminal.ending import REFUSED, Existence, end, told
from grantd_server.cli.terminal.moments import moment_before
from grantd_server.cli.terminal.programs import AsJson
from grantd_server.cli.terminal.reach import Reach, reaching
from grantd_server.cli.terminal.why import Why, demand_reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd.v1 import governance_pb2 as pb

PIECE = 64 * 1024
"""Bytes of a file in one message."""

LONGEST = 300.0
"""Seconds that a service may take to read, test and compare a directory."""

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of YAML files.")]
Expect = Annotated[
    int | None, typer.Option("--expect", metavar="EPOCH", min=0, help="Refuses where another epoch is in force.")
]


@reaching
def apply_directory(
    reach: Reach,
    directory: Directory,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Validates, tests, and shows what would change.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Applies although policy tests fail.")] = False,
    expect: Expect = None,
    since: Annotated[
        str, typer.Option("--since", metavar="WHEN", help="A dry run replays decisions on record from then on: 7d.")
    ] = "7d",
    no_secrets: Annotated[
        bool, typer.Option("--no-secrets", help="Takes secrets that only the service can see for granted.")
    ] = False,
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
        from grantd.v1 import governance_pb2 as pb  # noqa: PLC0415 - late, as all commands

        options = pb.ApplyBundleOptions(dry_run=dry_run, force=force, expected_epoch=expect, reason=reason)
        if dry_run:
            options.replay_since = moment_before("--since", since)
        secrets = None if no_secrets else directory
        pieces = list(pieces_of(directory))  # before a call begins that a file nobody may read would break
        applied = asyncio.run(_apply(reach, pieces, options, secrets))
        if as_json:
            print(json.dumps(_plain(applied), indent=2, ensure_ascii=False))
        _tell(applied, options, as_json=as_json)


def show_directory(directory: Directory) -> None:
    """Validates a directory and prints the bundle that it makes, as one file.

    What a profile filled in is marked; everything else is as it was written.
    """
    with told():
        from grantd_server.governance.document import parse_directory, version_of  # noqa: PLC0415 - 0.2 s
        from grantd_server.governance.effective import effective  # noqa: PLC0415 - the same

        document = parse_directory(directory)
        print(f"# {version_of(document)}\n{effective(document)}", end="")


async def _apply(
    reach: Reach, pieces: list[pb.BundleFilePiece], options: pb.ApplyBundleOptions, secrets: Path | None
) -> pb.ApplyBundleResponse:
    from grantd.v1 import governance_pb2 as pb  # noqa: PLC0415 - late, as all commands
    from grantd.v1.governance_pb2_grpc import GovernanceServiceStub  # noqa: PLC0415 - the same

    def requests() -> Iterator[pb.ApplyBundleRequest]:
        yield pb.ApplyBundleRequest(options=options)
        yield from (pb.ApplyBundleRequest(piece=piece) for piece in pieces)

    existence = Existence.PRETENDED if options.dry_run else Existence.MADE
    async with reach.channel(existence, secrets) as channel:
        return await GovernanceServiceStub(channel).ApplyBundle(requests(), timeout=LONGEST)


def pieces_of(directory: Path) -> Iterator[pb.BundleFilePiece]:
    """The YAML files of a directory, policy tests among them, in pieces."""
    from grantd.v1 import governance_pb2 as pb  # noqa: PLC0415 - late, as all commands
    from grantd_server.governance.faults import Faults  # noqa: PLC0415 - the same
    from grantd_server.governance.files import refuse_unread  # noqa: PLC0415 - the same
    from grantd_server.governance.testing.places import yaml_files  # noqa: PLC0415 - the same

    faults = Faults()
    refuse_unread(directory, faults)
    faults.raise_if_any()
    for file in yaml_files(directory):
        path, content = file.relative_to(directory).as_posix(), file.read_bytes()
        for start in range(0, len(content) or 1, PIECE):
            yield pb.BundleFilePiece(path=path, content=content[start : start + PIECE])


def _plain(applied: pb.ApplyBundleResponse) -> dict[str, Any]:
    """What came of it, for programs; the exit code is the same."""
    from grantd_server.cli.governing.changes import change_rows, test_rows  # noqa: PLC0415 - late, as all commands

    replay = applied.replay if applied.HasField("replay") else None
    return {
        "faults": list(applied.faults),
        "version": applied.version,
        "activated": applied.activated,
        "epoch": applied.epoch,
        "compared_epoch": applied.compared_epoch,
        "compared_version": applied.diff.from_version,
        **change_rows(applied.diff),
        "tests": test_rows(applied.tests),
        "replay": None if replay is None else {"changed": replay.changed, "undetermined": replay.undetermined},
    }


def _tell(applied: pb.ApplyBundleResponse, options: pb.ApplyBundleOptions, *, as_json: bool) -> None:
    if applied.faults:
        end(REFUSED, applied.faults)
    if not as_json:
        _print(applied, options)
    failed = applied.tests.failed
    kept_out = options.dry_run or applied.version != applied.diff.from_version
    if failed and kept_out and not options.force:
        end(REFUSED, [f"{failed} of {applied.tests.total} policy tests fail; --force applies all the same."])


def _print(applied: pb.ApplyBundleResponse, options: pb.ApplyBundleOptions) -> None:
    from grantd_server.cli.governing.changes import change_lines, test_lines  # noqa: PLC0415 - late, as all commands

    for line in (*change_lines(applied.diff), *test_lines(applied.tests)):
        print(line)
    if applied.HasField("replay"):
        changed, unknown = applied.replay.changed, applied.replay.undetermined
        told = f", {unknown} cannot be told" if unknown else ""
        print(f"{changed} decisions on record would end otherwise{told}; `grantd simulate` lists them")
    version = applied.version
    if applied.activated:
        print(f"{version} is in force, epoch {applied.epoch}")
    elif version == applied.diff.from_version:
        print(f"{version} was in force already, epoch {applied.epoch}")
    elif options.dry_run:
        count = len(applied.diff.fields) + applied.diff.more_fields
        changes = "1 change" if count == 1 else f"{count} changes"
        print(f"compared with epoch {applied.compared_epoch}; --expect {applied.compared_epoch} applies it to no other")
        print(f"{version} is valid; {changes}; nothing was applied")
