"""A service in a process of its own that stops at COMMIT, for tests that kill it.

`python crash_child.py FOLDER before|after|never`: prints its gRPC address, and
`paused` when a redemption is about to be committed (before) or was (after). The
bundle is FOLDER/bundle.json.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from grantd_server.store.sqlite.database import SqliteTransaction
from house import running


def pause_at_commit(where: str) -> None:
    """Wraps the transaction's own commit: the shipped code has no failpoint."""
    transaction: Any = SqliteTransaction
    real = transaction.commit

    async def commit(self: Any) -> None:
        if where == "after":
            await real(self)
        sys.stdout.write("paused\n")
        sys.stdout.flush()
        time.sleep(60)  # noqa: ASYNC251 - the whole process stands still until it is killed

    transaction.commit = commit


async def main(folder: Path, where: str) -> None:
    fresh = not (folder / "grantd.db").exists()
    document = json.loads((folder / "bundle.json").read_text()) if fresh else None
    async with running(folder, document) as house:
        await house.parts.world.catch_up()
        if where != "never":
            pause_at_commit(where)
        sys.stdout.write(f"{house.target}\n")
        sys.stdout.flush()
        await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
