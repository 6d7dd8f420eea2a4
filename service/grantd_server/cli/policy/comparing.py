"""`grantd policy diff`: who gains and who loses between two bundles."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from grantd_server.cli.policy.directories import At, moment, parsed
from grantd_server.cli.policy.output import print_rows
from grantd_server.cli.terminal.ending import REFUSED, end, told
from grantd_server.cli.terminal.programs import AsCsv, AsJson
from grantd_server.cli.terminal.reach import Reach, reaching

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantd.administration import AsyncGovernance
    from grantd_server.governance.analysis.difference.rows import Change
    from grantd_server.governance.snapshot import Snapshot

ACTIVE: Final = "active"
VERSION: Final = re.compile(r"b[0-9a-f]{32}")

Bundle = Annotated[
    str,
    typer.Argument(
        help='A directory, a version as `grantd versions` shows it, or "active": what is in force.', show_default=False
    ),
]


@reaching
def diff_bundles(
    reach: Reach,
    old: Bundle,
    new: Bundle,
    *,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
    at: At = None,
) -> None:
    """Tells who gains and who loses: by user group, client, resource and scope, not by lines."""
    with told():
        from grantd_server.governance.analysis.difference.compare import semantic_diff  # noqa: PLC0415 - 0.2 s
        from grantd_server.governance.analysis.difference.rows import Change  # noqa: PLC0415 - the same

        # Two directories are compared without settings, store and service.
        kept = _kept({old, new})
        stored = asyncio.run(_stored(reach, kept)) if kept else {}
        changes = semantic_diff(_snapshot(old, stored), _snapshot(new, stored), moment(at))
        print_rows(Change, changes, _lines, as_json=as_json, as_csv=as_csv)


def _lines(changes: Sequence[Change]) -> list[str]:
    from grantd_server.governance.analysis.difference.rows import grouped  # noqa: PLC0415 - late, as all commands

    return grouped(changes) or ["Nobody gains and nobody loses."]


def _snapshot(bundle: str, stored: dict[str, bytes]) -> Snapshot:
    from grantd_server.governance.asking.offline import snapshot_of  # noqa: PLC0415 - 0.2 s

    return snapshot_of(stored[bundle]) if bundle in stored else parsed(Path(bundle))[1]


def _kept(bundles: set[str]) -> list[str]:
    """Those that are no directories."""
    kept = sorted(bundle for bundle in bundles if not Path(bundle).is_dir())
    for bundle in kept:
        if bundle != ACTIVE and VERSION.fullmatch(bundle) is None:
            end(REFUSED, [f"{bundle!r} is no directory, and no version as `grantd versions` shows it."])
    return kept


async def _stored(reach: Reach, bundles: list[str]) -> dict[str, bytes]:
    async with reach.governance() as governance:
        return {bundle: await _document(governance, bundle) for bundle in bundles}


async def _document(governance: AsyncGovernance, bundle: str) -> bytes:
    from grantd_server.cli.terminal.answers import missing  # noqa: PLC0415 - late, as all commands

    sentence = "No bundle is in force." if bundle == ACTIVE else f"There is no version {bundle} on record."
    with missing([sentence]):
        return (await governance.get_bundle("" if bundle == ACTIVE else bundle)).document
