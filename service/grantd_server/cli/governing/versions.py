"""`grantd versions`, `diff`, `rollback`: what was in force, and what is to be again."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from grantd_server.cli.governing.bundle import Expect, NoSecrets
from grantd_server.cli.terminal.ending import told
from grantd_server.cli.terminal.programs import AsJson
from grantd_server.cli.terminal.reach import Reach, reaching
from grantd_server.cli.terminal.why import Why, demand_reason
from grantd_server.model.moments import utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd.administration.governance.results import Activated, BundleDiff, BundleVersion

Version = Annotated[str, typer.Argument(metavar="VERSION", help="As `grantd versions` shows it.")]
ACTIVE = "active"
"""What is in force, in place of a version."""

Older = Annotated[str, typer.Argument(metavar="OLDER", help='A version, as `grantd versions` shows it; or "active".')]
Newer = Annotated[str, typer.Argument(metavar="NEWER", help="Another.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100, help="How many, the newest first.")]


@reaching
def list_versions(reach: Reach, limit: Limit = 20, *, as_json: AsJson = False) -> None:
    """Lists the versions of the bundle, the newest first."""
    with told():
        from grantd_server.audit.explaining.shown import as_json as exact  # noqa: PLC0415 - late, as all commands
        from grantd_server.audit.explaining.shown import shown  # noqa: PLC0415 - the same

        listed = asyncio.run(_list(reach, limit))
        if as_json:
            print(exact([_row(each) for each in listed], indent=2))
            return
        for each in listed:
            mark = "*" if each.active else " "
            last = (
                f"epoch {each.epoch}, {utc(each.activated)}, {shown(each.activated_by)}"
                if each.activated
                else "never in force"
            )
            version, who, why = shown(each.version), shown(each.author), shown(each.reason, 512)
            print(f"{mark} {version}  {utc(each.stored)}  {who}  {last}  {why}".rstrip())
        if not listed:
            print("no bundle was applied yet")


@reaching
def diff_versions(reach: Reach, older: Older, newer: Newer, *, as_json: AsJson = False) -> None:
    """Shows what changed from one version to another."""
    with told():
        from grantd_server.audit.explaining.shown import as_json as exact  # noqa: PLC0415 - late, as all commands
        from grantd_server.cli.governing.changes import change_lines, change_rows  # noqa: PLC0415 - the same

        found = asyncio.run(_diff(reach, older, newer))
        if as_json:
            print(exact(change_rows(found), indent=2))
            return
        lines = list(change_lines(found))
        print("\n".join(lines) if lines else "nothing differs")


@reaching
def roll_back(
    reach: Reach, version: Version, *, reason: Why, expect: Expect = None, no_secrets: NoSecrets = False
) -> None:
    """Puts a version in force again that was applied before: to roll back, or forward."""
    with told():
        demand_reason(reason)
        # As the service does where no directory of governance is set.
        secrets = None if no_secrets else Path.cwd()
        done = asyncio.run(_activate(reach, version, reason, expect, secrets))
        so = "is in force" if done.changed else "was in force already"
        print(f"{version} {so}, epoch {done.epoch}")


def _row(each: BundleVersion) -> dict[str, Any]:
    """Times as everywhere; None for a version that never was in force."""
    activated = utc(each.activated) if each.activated else None
    stored = {"version": each.version, "active": each.active, "stored": utc(each.stored), "author": each.author}
    last = {"epoch": each.epoch, "activated": activated, "activated_by": each.activated_by or None}
    return {**stored, **last, "reason": each.reason}


@contextmanager
def _on_record(version: str) -> Iterator[None]:
    from grantd_server.audit.explaining.shown import shown as safe  # noqa: PLC0415 - late, as all commands
    from grantd_server.cli.terminal.answers import missing  # noqa: PLC0415 - the same

    with missing([f"There is no version {safe(version, 100)}; `grantd versions` lists them."]):
        yield


async def _list(reach: Reach, limit: int) -> list[BundleVersion]:
    async with reach.governance() as governance:
        return [each async for each in governance.list_bundles(limit)]


async def _diff(reach: Reach, older: str, newer: str) -> BundleDiff:
    named = ["" if each == ACTIVE else each for each in (older, newer)]
    async with reach.governance() as governance:
        with _on_record(" or ".join(filter(None, named)) or ACTIVE):
            return await governance.diff_bundles(*named)


async def _activate(reach: Reach, version: str, why: str, expect: int | None, secrets: Path | None) -> Activated:
    async with reach.governance(secrets=secrets) as governance:
        with _on_record(version):
            return await governance.activate_bundle(version, reason=why, expected_epoch=expect)
