"""A database file that nobody else on the machine can read, whatever the umask says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from grantd_server.store import StoreUnavailable

if TYPE_CHECKING:
    from pathlib import Path


def make_private(path: Path) -> None:
    """Makes an empty file for its owner alone; one that is there keeps its mode. SQLite
    gives its log and index files the mode of the database (`-wal`, `-shm`, `-journal`).

    Raises:
        StoreUnavailable: the file cannot be made.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as fault:
        raise StoreUnavailable(f"the database file cannot be made: {fault.strerror}") from None
