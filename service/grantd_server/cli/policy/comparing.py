"""`grantd policy diff`: who gains and who loses between two bundles."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.policy.directories import At, moment, parsed
from grantd_server.cli.policy.output import AsCsv, AsJson, print_rows
from grantd_server.cli.terminal.ending import REFUSED, Config, end, opened, settings_of, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantd_server.governance.analysis.difference.rows import Change
    from grantd_server.governance.snapshot import Snapshot

ACTIVE = "active"

Bundle = Annotated[
    str,
    typer.Argument(
        help='A directory, or "active": what is in force in the database of the settings.', show_default=False
    ),
]


def diff_bundles(
    old: Bundle,
    new: Bundle,
    config: Config = None,
    *,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    at: At = None,
) -> None:
    """Tells who gains and who loses: by user group, client, resource and scope, not by lines."""
    with told():
        from grantd_server.governance.analysis.difference.compare import semantic_diff  # noqa: PLC0415 - 0.2 s
        from grantd_server.governance.analysis.difference.rows import Change  # noqa: PLC0415 - the same

        changes = semantic_diff(_snapshot(old, config), _snapshot(new, config), moment(at))
        print_rows(Change, changes, _lines, as_json=as_json, as_csv=as_csv)


def _lines(changes: Sequence[Change]) -> list[str]:
    from grantd_server.governance.analysis.difference.rows import grouped  # noqa: PLC0415 - late, as all commands

    return grouped(changes) or ["Nobody gains and nobody loses."]


def _snapshot(bundle: str, config: Path | None) -> Snapshot:
    from grantd_server.governance.asking.offline import snapshot_of  # noqa: PLC0415 - 0.2 s

    if bundle == ACTIVE and not Path(bundle).is_dir():
        return snapshot_of(asyncio.run(_active(config)))
    return parsed(Path(bundle))[1]


async def _active(config: Path | None) -> bytes:
    async with opened(settings_of(config)) as store:
        found = await store.active_bundle()
    if found is None:
        end(REFUSED, ["No bundle is in force."])
    return found[2]
