"""A PostgreSQL of its own with the schema, and a place to keep things, for one run."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from grantd_server.store import migrations
from postgres_ import postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def stage() -> Iterator[tuple[Path, str]]:
    """A folder and the address of a database with this release's schema."""
    # Not below a folder of root's alone: another account runs PostgreSQL.
    folder = Path("/tmp") / f"grantd-load-{os.getpid()}"
    folder.mkdir(mode=0o755)
    try:
        with postgresql(folder, "max_connections=200") as server:
            address = server.url(server.new_database())
            migrations.upgrade(address)
            yield folder, address
    finally:
        shutil.rmtree(folder, ignore_errors=True)
