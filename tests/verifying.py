"""Test support: a log under two checkpoints with an open window, and what verifying it tells."""

from __future__ import annotations

from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any

from grantd_server.audit.file_place import FilePlace
from grantd_server.audit.verification.verification import Report, Verification
from grantd_server.keys.own.purpose import Purpose
from grantd_server.store.sqlite.records import SqliteRecords
from grantd_server.store.sqlite.store import SqliteStore
from second_place import audited

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from second_place import Audited

LINES = "second/checkpoints.000001.jws"


@asynccontextmanager
async def logged(tmp_path: Path) -> AsyncIterator[Audited]:
    """Rows 1 to 3 of `grantd` and 1 to 2 of `other` under the first checkpoint, 4 to 6 and
    3 to 4 under the second, 7 and 8 of `grantd` after it."""
    async with audited(tmp_path) as found:
        other = SqliteStore.open(tmp_path / "grantd.db", writer="other")
        for _ in range(2):
            await found.records(3)
            await found.records(2, other)
            await found.checkpoint()
        await found.records(2)
        await other.close()
        yield found


async def verified(service: Audited, **options: Any) -> Report:
    keys = service.ring.keyset("", Purpose.CHECKPOINT)
    with Verification(keys, seen=options.pop("seen", ())) as verification:
        verification.place("second", FilePlace(service.folder / "second").lines())
        return await with_records(verification, service.folder / "grantd.db", service.now[0] + 7, **options)


async def with_records(verification: Verification, file: Path, now: float, **options: Any) -> Report:
    with closing(SqliteRecords(file)) as records:
        verification.heads(await records.heads())
        async for row in records.history():
            verification.row(row)
    return verification.report(now, **options)


def problem(report: Report, writer: str = "grantd") -> str:
    assert not report.holds
    return next(each.problem for each in report.writers if each.writer == writer)
