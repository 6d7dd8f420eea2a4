"""Records that are gone on purpose: signed boundaries of prunes, signed restorations."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from grantd_server.audit.chain import head_of
from grantd_server.audit.checkpoint import Kind
from grantd_server.store.sqlite.records import SqliteRecords
from grantd_server.store.sqlite.store import SqliteStore
from second_place import backed_up, put_back
from tampering import dropped, put, rehashed
from verifying import logged, problem, verified

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from second_place import Audited


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Audited]:
    async with logged(tmp_path) as found:
        yield found


async def pruned(service: Audited, seq: int) -> None:
    with closing(SqliteRecords(service.folder / "grantd.db")) as records:
        rows = [row async for row in records.history()]
    heads = [head_of(row) for row in rows if row.writer == "grantd" and row.seq == seq]
    await service.taking.take(Kind.BOUNDARY, pruned=heads, why="older than a year")


@pytest.mark.parametrize(("seq", "last"), [(2, 2), (3, 3), (5, 5), (5, 3), (5, 0), (8, 8)])
async def test_rows_before_a_signed_boundary_may_be_gone_or_left(service: Audited, seq: int, last: int) -> None:
    await pruned(service, seq)
    dropped(service.folder, 1, last)

    report = await verified(service)

    assert report.holds
    grantd = report.writers[0]
    assert (grantd.rows, grantd.first) == (8 - last, last + 1 if last < 8 else 0)
    assert report.places[0].notes == ["checkpoint 3 is a boundary: older than a year"]


async def test_more_gone_than_the_boundary_says_is_found(service: Audited) -> None:
    await pruned(service, 3)
    dropped(service.folder, 1, 4)
    assert problem(await verified(service)) == "row 5: missing: 4 rows before it, from 1 to 4"
    dropped(service.folder, 1, 8)
    assert problem(await verified(service)) == "cut: the rows from 4 to 8 are missing, which checkpoint 3 has"


async def test_a_row_after_the_boundary_that_does_not_follow_it_is_found(service: Audited) -> None:
    await pruned(service, 3)
    dropped(service.folder, 1, 3)
    put(service.folder, "prev_hash", bytes(32), 4)
    rehashed(service.folder, 4, rows=1)

    assert problem(await verified(service)) == (
        "row 4: foreign: it was written after another row 3 than the one that is here"
    )


async def test_rows_left_before_a_boundary_lead_up_to_it(service: Audited) -> None:
    await service.records(2)
    await pruned(service, 9)
    dropped(service.folder, 1, 7)
    put(service.folder, "client", "x", 8)
    rehashed(service.folder, 8)

    assert problem(await verified(service)).startswith("row 9: rewritten: the boundary of the prune has another")


async def test_a_later_boundary_counts_and_an_earlier_one_of_another_time_does_not(service: Audited) -> None:
    await pruned(service, 5)
    await pruned(service, 3)
    dropped(service.folder, 1, 5)

    assert (await verified(service)).holds


async def gone_back(service: Audited) -> None:
    """Three records, a writer and a checkpoint more, and then the state before them."""
    older = backed_up(service.folder / "grantd.db", service.folder / "older.db")
    third = SqliteStore.open(service.folder / "grantd.db", writer="third")
    await service.records(3)
    await service.records(1, third)
    await third.close()
    await service.checkpoint()
    await service.store.close()
    put_back(older, service.folder / "grantd.db")


async def more(service: Audited, count: int) -> None:
    again = SqliteStore.open(service.folder / "grantd.db")
    await service.records(count, again)
    await again.close()


async def test_after_a_restoration_that_was_signed_the_older_state_holds(service: Audited) -> None:
    await gone_back(service)
    await service.taking.take(Kind.RESTORED, why="the disk was lost")
    await more(service, 2)
    await service.checkpoint()

    report = await verified(service)

    assert report.holds, (report.findings, [each.findings for each in report.places])
    assert [(each.writer, each.rows) for each in report.writers if each.rows] == [("grantd", 10), ("other", 4)]
    assert report.places[0].notes == ["checkpoint 4 is a restoration: the disk was lost"]


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_a_restoration_may_be_signed_after_the_service_went_on(service: Audited, count: int) -> None:
    await gone_back(service)
    await service.checkpoint()
    await more(service, count)
    await service.checkpoint()
    assert not (await verified(service)).holds

    await service.taking.take(Kind.RESTORED, why="the disk was lost")
    await more(service, 2)
    await service.checkpoint()

    report = await verified(service)
    assert report.holds, (report.findings, [each.findings for each in report.places])
    assert report.places[0].notes[-1].startswith("it explains ")
    put(service.folder, "client", "x", 9)
    rehashed(service.folder, 9)
    assert problem(await verified(service)).startswith(f"row {8 + count}: rewritten: checkpoint 6 has another")


async def test_a_restoration_explains_what_was_before_it_only(service: Audited) -> None:
    await service.taking.take(Kind.RESTORED, why="a rehearsal")
    await gone_back(service)
    await service.checkpoint()
    await more(service, 9)

    report = await verified(service)

    assert [each.partition(": ")[2] for each in report.places[0].findings] == [
        "checkpoint 5: writer third was gone",
        "checkpoint 5: writer grantd had gone back from row 11 to row 8",
    ]
    assert problem(report) == "row 11: rewritten: checkpoint 4 has another; the last that fits is 8"
