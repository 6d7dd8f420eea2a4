"""`grantd versions`, `diff`, `rollback`: what was in force, and what is to be again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.governing.bundle import Expect, Message
from grantd_server.cli.terminal.ending import REFUSED, USAGE, end, told
from grantd_server.cli.terminal.moments import shown
from grantd_server.cli.terminal.reach import Reach, reaching

if TYPE_CHECKING:
    from grantd.v1 import governance_pb2 as pb

Version = Annotated[str, typer.Argument(metavar="VERSION", help="As `grantd versions` shows it.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100, help="How many, the newest first.")]


@reaching
def list_versions(reach: Reach, limit: Limit = 20) -> None:
    """Lists the versions of the bundle, the newest first."""
    with told():
        listed = asyncio.run(_list(reach, limit))
        for each in listed.bundles:
            mark = "*" if each.active else " "
            last = (
                f"epoch {each.epoch}, {shown(each.activated)}, {each.activated_by}" if each.epoch else "never in force"
            )
            print(f"{mark} {each.version}  {shown(each.stored)}  {each.author}  {last}  {each.reason}".rstrip())
        if not listed.bundles:
            print("no bundle was applied yet")


@reaching
def diff_versions(reach: Reach, older: Version, newer: Version) -> None:
    """Shows what changed from one version to another."""
    with told():
        from grantd_server.cli.governing.changes import change_lines  # noqa: PLC0415 - late, as all commands

        for line in change_lines(asyncio.run(_diff(reach, older, newer))):
            print(line)


@reaching
def roll_back(reach: Reach, version: Version, *, message: Message = "", expect: Expect = None) -> None:
    """Puts a version in force again that was applied before: to roll back, or forward."""
    with told():
        if not message.strip():
            end(USAGE, ["Say why with --message."])
        done = asyncio.run(_activate(reach, version, message, expect))
        if done.faults:
            end(REFUSED, done.faults)
        print(
            f"{version} {'is' if done.changed else 'was'} in force{'' if done.changed else ' already'}, epoch {done.epoch}"
        )


async def _list(reach: Reach, limit: int) -> pb.ListBundlesResponse:
    from grantd.v1 import governance_pb2 as pb  # noqa: PLC0415 - late, as all commands
    from grantd.v1.governance_pb2_grpc import GovernanceServiceStub  # noqa: PLC0415 - the same

    async with reach.channel() as channel:
        return await GovernanceServiceStub(channel).ListBundles(pb.ListBundlesRequest(page_size=limit))


async def _diff(reach: Reach, older: str, newer: str) -> pb.BundleDiff:
    from grantd.v1 import governance_pb2 as pb  # noqa: PLC0415 - late, as all commands
    from grantd.v1.governance_pb2_grpc import GovernanceServiceStub  # noqa: PLC0415 - the same

    async with reach.channel() as channel:
        asked = pb.DiffBundlesRequest(from_version=older, to_version=newer)
        return (await GovernanceServiceStub(channel).DiffBundles(asked)).diff


async def _activate(reach: Reach, version: str, why: str, expect: int | None) -> pb.ActivateBundleResponse:
    from grantd.v1 import governance_pb2 as pb  # noqa: PLC0415 - late, as all commands
    from grantd.v1.governance_pb2_grpc import GovernanceServiceStub  # noqa: PLC0415 - the same

    async with reach.channel() as channel:
        asked = pb.ActivateBundleRequest(version=version, reason=why, expected_epoch=expect)
        return await GovernanceServiceStub(channel).ActivateBundle(asked)
