"""What the commands of `grantd policy` have in common: a directory, and a time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grantd_server.cli.terminal.moments import instant_of

if TYPE_CHECKING:
    from grantd_server.governance.document import Document
    from grantd_server.governance.snapshot import Snapshot

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of YAML files.")]
At = Annotated[
    str | None, typer.Option("--at", help="As if it were this moment, such as 2027-01-31T09:00:00Z.", metavar="MOMENT")
]


def parsed(directory: Path) -> tuple[Document, Snapshot]:
    """The bundle of a directory; raises BundleError."""
    from grantd_server.governance.asking.offline import snapshot_of  # noqa: PLC0415 - 0.2 s
    from grantd_server.governance.document import parse_directory  # noqa: PLC0415 - the same

    document = parse_directory(directory)
    return document, snapshot_of(document)


def moment(at: str | None) -> int:
    """Seconds since the epoch; now, unless said otherwise."""
    if at is None:
        return int(time.time())
    return instant_of("--at", at)
