"""What `grantd audit verify` finds: each way to change records or checkpoints, by name."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from grantd_server.audit.checkpoint import digest, sealed, unverified
from grantd_server.audit.file_place import FilePlace
from grantd_server.audit.verification.expectations import Expectations, Expected
from grantd_server.audit.verification.verification import Report, Verification
from grantd_server.keys.own.purpose import Purpose
from grantd_server.store.records.reading.exported import ExportedRecords, head_line, record_line
from grantd_server.store.sqlite.records import SqliteRecords
from second_place import BEGAN, backed_up, put_back, ring_in
from tampering import changed, dropped, got, put, rehashed
from verifying import LINES, logged, problem, verified, with_records

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from grantd.jwk import KeySet
    from second_place import Audited


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Audited]:
    async with logged(tmp_path) as found:
        yield found


@pytest.mark.hostile("L06")
async def test_an_untouched_log_holds_and_the_open_window_is_told(service: Audited) -> None:
    report = await verified(service)

    assert report.holds
    assert [(each.writer, each.rows, each.first, each.last) for each in report.writers] == [
        ("grantd", 8, 1, 8),
        ("other", 4, 1, 4),
    ]
    assert [(each.proven.seq, each.proven.number, each.open) for each in report.writers if each.proven] == [
        (6, 2, 2),
        (4, 2, 0),
    ]
    assert report.window == pytest.approx(7)
    assert [(each.count, each.findings, each.notes) for each in report.places] == [(2, [], [])]


@pytest.mark.hostile("L06")
@pytest.mark.parametrize("column", ["client", "outcome", "time_us", "body", "id", "prev_hash", "hash"])
@pytest.mark.parametrize("seq", [2, 8])
async def test_one_byte_changed_is_found_at_its_row(service: Audited, column: str, seq: int) -> None:
    value = got(service.folder, column, seq)
    other = value + 1 if isinstance(value, int) else value[:-1] + (b"\x00" if isinstance(value, bytes) else "#")
    put(service.folder, column, other, seq)

    found = problem(await verified(service))

    assert found == f"row {seq}: edited: its hash is not that of its content"


@pytest.mark.hostile("L06")
@pytest.mark.parametrize("seq", [1, 2, 6])
async def test_one_row_dropped_is_found_at_the_next(service: Audited, seq: int) -> None:
    dropped(service.folder, seq, seq)

    report = await verified(service)

    assert problem(report) == f"row {seq + 1}: missing: 1 row before it, from {seq} to {seq}"


@pytest.mark.hostile("L06")
async def test_two_rows_swapped_are_found_and_called_moved(service: Audited) -> None:
    for now, then in ((3, 999), (5, 3), (999, 5)):
        put(service.folder, "seq", then, now)

    assert problem(await verified(service)) == "row 3: moved: it was written as 5"


@pytest.mark.hostile("L06")
async def test_a_row_twice_is_found(service: Audited) -> None:
    changed(
        service.folder,
        "INSERT INTO records SELECT id || 'x', time_us, rpc, outcome, reason, issuer, client, subject, chain, body, "
        "writer, writer_epoch, 9, prev_hash, hash, day FROM records WHERE writer = 'grantd' AND seq = 8",
    )
    assert problem(await verified(service)) == "row 9: edited: its hash is not that of its content"


@pytest.mark.hostile("L06")
async def test_one_whole_writer_removed_is_found(service: Audited) -> None:
    dropped(service.folder, 1, 4, "other")
    changed(service.folder, "DELETE FROM writers WHERE name = 'other'")

    assert problem(await verified(service), "other") == (
        "cut: the rows from 1 to 4 are missing, which checkpoint 2 has"
    )


@pytest.mark.hostile("L06")
async def test_a_tail_cut_inside_what_a_checkpoint_covers_is_found_even_with_the_head_set_back(
    service: Audited,
) -> None:
    dropped(service.folder, 6, 8)
    assert problem(await verified(service)) == (
        "cut: the rows from 6 to 8 are missing, which the table of writers has; checkpoint 2 proves those to 6"
    )

    rehashed(service.folder, 5)
    assert problem(await verified(service)) == "cut: the rows from 6 to 6 are missing, which checkpoint 2 has"


@pytest.mark.hostile("L06")
async def test_a_tail_cut_after_the_last_checkpoint_is_found_by_the_table_of_writers_only(service: Audited) -> None:
    dropped(service.folder, 8, 8)
    assert problem(await verified(service)) == "cut: the rows from 8 to 8 are missing, which the table of writers has"

    rehashed(service.folder, 7)
    report = await verified(service)
    assert report.holds, "this is the window that nothing proves"
    assert [each.open for each in report.writers] == [1, 0]


@pytest.mark.hostile("L06")
async def test_rows_hashed_anew_by_somebody_with_the_database_are_found_by_the_checkpoint_over_them(
    service: Audited,
) -> None:
    put(service.folder, "outcome", "refused", 5)
    rehashed(service.folder, 5)

    report = await verified(service)

    assert problem(report) == "row 6: rewritten: checkpoint 2 has another; the last that fits is 3"
    assert next(each.proven.seq for each in report.writers if each.proven) == 3


async def test_everything_hashed_anew_is_found_too(service: Audited) -> None:
    rehashed(service.folder, 1)
    assert (await verified(service)).holds, "the same content has the same hashes"
    put(service.folder, "client", "x", 1)
    rehashed(service.folder, 1)

    assert problem(await verified(service)) == "row 3: rewritten: checkpoint 1 has another; none before it is proven"


async def test_rows_hashed_anew_after_the_last_checkpoint_are_not_found(service: Audited) -> None:
    """Ours: says what is not promised, so that nobody believes it is."""
    put(service.folder, "client", "x", 7)
    rehashed(service.folder, 7)

    assert (await verified(service)).holds


async def test_a_foreign_row_between_two_is_found(service: Audited) -> None:
    put(service.folder, "client", "x", 5)
    rehashed(service.folder, 5, rows=1)

    assert problem(await verified(service)) == (
        "row 6: foreign: it was written after another row 5 than the one that is here"
    )


async def test_a_row_of_an_epoch_that_had_ended_is_found(service: Audited) -> None:
    put(service.folder, "writer_epoch", 0, 8)
    rehashed(service.folder, 8)

    assert problem(await verified(service)) == "row 8: foreign: epoch 0 had ended, the row before is of epoch 1"


async def test_a_database_set_back_to_an_older_state_is_found(service: Audited) -> None:
    older = backed_up(service.folder / "grantd.db", service.folder / "older.db")
    await service.records(3)
    await service.checkpoint()
    await service.store.close()
    put_back(older, service.folder / "grantd.db")

    assert problem(await verified(service)) == "cut: the rows from 9 to 11 are missing, which checkpoint 3 has"


async def test_database_and_second_place_set_back_together_are_found_by_whoever_remembers(service: Audited) -> None:
    older, lines = backed_up(service.folder / "grantd.db", service.folder / "older.db"), service.folder / LINES
    kept = lines.read_bytes()
    await service.records(3)
    await service.checkpoint()
    remembered = (await verified(service)).places[0].last_hash
    await service.store.close()
    put_back(older, service.folder / "grantd.db")
    lines.write_bytes(kept)

    assert (await verified(service)).holds
    assert (await verified(service, seen=[remembered])).findings == (
        f"the checkpoint {remembered}, seen before, is gone",
    )
    (finding,) = (await verified(service, longest_window=10)).findings
    assert finding == "the last checkpoint is 17 seconds old, more than 10"
    assert (await verified(service, longest_window=17)).holds


async def test_what_was_seen_before_and_is_there_is_no_finding(service: Audited) -> None:
    seen = (await verified(service)).places[0].last_hash
    await service.checkpoint()
    assert (await verified(service, seen=[seen])).holds


# checkpoints


def edited(service: Audited, change: Callable[[list[str]], list[str]]) -> None:
    lines = (service.folder / LINES).read_text().splitlines()
    (service.folder / LINES).write_text("".join(f"{line}\n" for line in change(lines)))


@pytest.mark.parametrize(
    ("change", "findings"),
    [
        (lambda lines: lines[1:], ["line 1: checkpoint 2: missing: those from 1 to 1"]),
        (lambda lines: [lines[0], *lines[2:]], ["line 2: checkpoint 3: missing: those from 2 to 2"]),
        (
            lambda lines: [lines[0], lines[2], lines[1], lines[3]],
            [
                "line 2: checkpoint 3: missing: those from 2 to 2",
                "line 3: checkpoint 2: out of order: it comes after 3",
            ],
        ),
        (lambda lines: [lines[0], *lines], ["line 2: checkpoint 1: out of order: it comes after 1"]),
        (
            lambda lines: [lines[0], lines[1][:-4] + "AAAA", *lines[2:]],
            [
                "line 2: no checkpoint of a trusted key: signature: expected a signature by the key with this kid, got another signature",
                "line 3: checkpoint 3: missing: those from 2 to 2",
            ],
        ),
        (lambda lines: [], ["second holds no checkpoint"]),
    ],
    ids=["the first removed", "one removed", "two reordered", "one twice", "one changed", "all removed"],
)
async def test_checkpoints_that_were_touched_are_found(
    service: Audited, change: Callable[[list[str]], list[str]], findings: list[str]
) -> None:
    await service.checkpoint()
    await service.checkpoint()
    edited(service, change)

    report = await verified(service)

    assert not report.holds
    told = [*report.places[0].findings, *report.findings]
    assert [each.replace("checkpoints.000001.jws:", "line ") for each in told] == findings


async def test_a_checkpoint_forged_with_another_key_is_found_and_proves_nothing(
    service: Audited, tmp_path: Path
) -> None:
    _, other = ring_in(tmp_path / "foreign")
    put(service.folder, "client", "x", 5)
    rehashed(service.folder, 5)
    true = unverified((service.folder / LINES).read_text().splitlines()[1])
    heads = tuple(await service.store.heads())
    forged = await sealed(replace(true, heads=heads), other.signer("", Purpose.CHECKPOINT))
    edited(service, lambda lines: [lines[0], forged])

    report = await verified(service)

    assert not report.holds
    assert "kid" in report.places[0].findings[0]
    assert report.places[0].count == 1


async def test_a_checkpoint_of_another_second_place_is_found(service: Audited, tmp_path: Path) -> None:
    signer = service.ring.signer("", Purpose.CHECKPOINT)
    true = unverified((service.folder / LINES).read_text().splitlines()[1])
    other = await sealed(replace(true, chain="other"), signer)
    fork = await sealed(replace(true, time_us=true.time_us + 1), signer)
    await service.checkpoint()
    kept = (service.folder / LINES).read_text()
    edited(service, lambda lines: [lines[0], other, lines[2]])
    findings = (await verified(service)).places[0].findings
    assert "it belongs to another second place" in findings[0]
    (service.folder / LINES).write_text(kept)
    edited(service, lambda lines: [lines[0], fork, lines[2]])

    (finding,) = (await verified(service)).places[0].findings

    assert finding.endswith("checkpoint 3: it was written after another checkpoint 2 than the one that is here")


async def rotated(service: Audited, *, announced: bool) -> KeySet:
    """A rotation with a checkpoint after each step; the keys as they were before it."""
    before = service.ring.keyset("", Purpose.CHECKPOINT)
    service.rotation.publish("", Purpose.CHECKPOINT, BEGAN)
    if announced:
        service.ring.reload()
        await service.checkpoint()
    service.rotation.activate("", Purpose.CHECKPOINT, BEGAN, at_once=True)
    service.ring.reload()
    await service.checkpoint()
    return before


@pytest.mark.parametrize("announced", [True, False])
async def test_a_trusted_key_announces_its_successor_and_no_other_key_is_believed(
    service: Audited, announced: bool
) -> None:
    before = await rotated(service, announced=announced)

    with Verification(before) as verification:
        verification.place("second", FilePlace(service.folder / "second").lines())
        report = await with_records(verification, service.folder / "grantd.db", service.now[0])

    assert report.holds is announced
    assert any("announces the key" in note for note in report.places[0].notes) is announced
    assert report.places[0].count == (4 if announced else 2)


async def test_what_a_forged_checkpoint_announces_is_not_believed(service: Audited, tmp_path: Path) -> None:
    _, other = ring_in(tmp_path / "foreign")
    signer, keys = other.signer("", Purpose.CHECKPOINT), other.keyset("", Purpose.CHECKPOINT).keys
    true = unverified((service.folder / LINES).read_text().splitlines()[1])
    announcing = await sealed(replace(true, announced=keys), signer)
    following = await sealed(replace(true, number=3, previous=digest(announcing)), signer)
    edited(service, lambda lines: [lines[0], announcing, following])

    report = await verified(service)

    assert len(report.places[0].findings) == 2
    assert (report.places[0].count, report.places[0].notes) == (1, [])


async def test_two_second_places_are_each_a_chain_of_its_own(service: Audited) -> None:
    from grantd_server.wiring.checkpoints import checkpointer  # noqa: PLC0415 - only here

    (service.folder / "third").mkdir()
    await checkpointer(service.folder / "third", service.store, service.ring, lambda: BEGAN + 30).take()

    async def both() -> Report:
        with Verification(service.ring.keyset("", Purpose.CHECKPOINT)) as verification:
            for name in ("second", "third"):
                verification.place(name, FilePlace(service.folder / name).lines())
            return await with_records(verification, service.folder / "grantd.db", service.now[0])

    assert (await both()).holds
    put(service.folder, "client", "x", 8)
    rehashed(service.folder, 8)
    assert problem(await both()) == "row 8: rewritten: checkpoint 1 has another; the last that fits is 6"


async def test_heads_that_went_back_between_checkpoints_are_found(service: Audited) -> None:
    changed(service.folder, "UPDATE writers SET seq = 5 WHERE name = 'grantd'")
    await service.checkpoint()
    changed(service.folder, "UPDATE writers SET seq = 8 WHERE name = 'grantd'")
    changed(service.folder, "DELETE FROM writers WHERE name = 'other'")
    await service.checkpoint()
    changed(service.folder, "UPDATE writers SET hash = zeroblob(32) WHERE name = 'grantd'")
    await service.checkpoint()

    findings = [each.partition(": ")[2] for each in (await verified(service)).places[0].findings]

    assert findings == [
        "checkpoint 3: writer grantd had gone back from row 6 to row 5",
        "checkpoint 4: writer other was gone",
        "checkpoint 5: writer other was gone",
        "checkpoint 5: writer grantd had another row 8 than at checkpoint 4",
    ]


async def test_a_line_that_was_never_finished_is_told_of_and_no_finding(service: Audited) -> None:
    with (service.folder / LINES).open("a") as file:
        file.write("eyJh")
    await service.checkpoint()

    report = await verified(service)

    assert report.holds
    assert (report.places[0].unfinished, report.places[0].count) == (1, 3)


async def test_of_very_many_findings_some_are_told_and_the_rest_counted(service: Audited) -> None:
    edited(service, lambda lines: ["x"] * 25)
    (place,) = (await verified(service)).places
    assert (len(place.findings), place.more) == (10, 15)


# sources


async def test_an_export_is_verified_as_the_database_is(service: Audited) -> None:
    file = service.folder / "export.jsonl"

    async def told(change: Callable[[list[str]], list[str]]) -> Report:
        with closing(SqliteRecords(service.folder / "grantd.db")) as records:
            lines = [head_line(await records.heads())] + [record_line(row) async for row in records.history()]
        file.write_text("".join(change(lines)))
        keys = service.ring.keyset("", Purpose.CHECKPOINT)
        with Verification(keys) as verification, file.open("rb") as source:
            verification.place("second", FilePlace(service.folder / "second").lines())
            export = ExportedRecords(source)
            verification.heads(await export.heads())
            async for row in export.history():
                verification.row(row)
            return verification.report(service.now[0])

    assert (await told(lambda lines: lines)).holds
    assert problem(await told(lambda lines: [line.replace("d0006", "d0009") for line in lines])).startswith("row 4")
    swapped = await told(lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]])
    assert problem(swapped) == "row 4: missing: 1 row before it, from 3 to 3"
    doubled = await told(lambda lines: [*lines[:3], lines[2], *lines[3:]])
    assert problem(doubled) == "row 2: moved: it comes after row 2"


@pytest.mark.parametrize(
    "change",
    [
        "body = CAST(body AS TEXT)",
        "client = CAST(client AS BLOB)",
        "client = x'ff00'",
        "client = CAST(x'ff41' AS TEXT)",
        "body = x'ff'",
        "time_us = 'soon'",
        "seq = 'many'",
        "prev_hash = CAST(substr(hex(prev_hash), 1, 32) AS TEXT)",
    ],
)
async def test_a_column_of_another_type_is_found_in_the_file_and_in_its_export(service: Audited, change: str) -> None:
    changed(service.folder, f"UPDATE records SET {change} WHERE writer = 'grantd' AND seq = 8")

    report = await verified(service)
    with closing(SqliteRecords(service.folder / "grantd.db")) as records:
        written = [record_line(row) async for row in records.history()]

    assert not report.holds
    assert len(written) == 12


@pytest.mark.parametrize(
    "first", ["", "{}", "[]", '{"format": "other"}', '{"format": "grantd records 1", "heads": [1]}']
)
def test_what_is_no_export_says_so(tmp_path: Path, first: str) -> None:
    from grantd_server.store import StoreUnavailable  # noqa: PLC0415 - only here

    (tmp_path / "x").write_text(first)
    with (tmp_path / "x").open("rb") as file, pytest.raises(StoreUnavailable, match="neither a database nor an export"):
        ExportedRecords(file)


async def test_a_file_is_read_while_it_is_served_and_is_not_written_to(service: Audited) -> None:
    with closing(SqliteRecords(service.folder / "grantd.db")) as records:
        before = [row async for row in records.history()]
        await service.records(1)
        assert len([row async for row in records.history()]) == len(before) + 1
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            records._connection.execute("DELETE FROM records")


async def test_rows_after_the_last_checkpoint_that_call_themselves_old_are_noted(service: Audited) -> None:
    service.now[0] += 1000
    await service.checkpoint()
    service.now[0] -= 500
    await service.records(1)

    report = await verified(service)

    assert report.holds, "a clock may have been wrong"
    assert [each.backdated for each in report.writers] == [1, 0]


def test_what_is_expected_of_very_many_rows_goes_to_a_file_and_comes_back() -> None:
    expectations = Expectations()
    made = [Expected(seq, seq * 2, seq * 3, seq.to_bytes(32, "big")) for seq in range(1, 3000)]
    for each in made:
        expectations.add(each)

    assert expectations._file._rolled
    assert list(expectations) == made
    expectations.drop_after(17)
    assert list(expectations) == made[:17]
    assert expectations.last == made[16]
    expectations.drop_after(0)
    assert (expectations.last, list(expectations)) == (None, [])
    expectations.add(made[4])
    assert list(expectations) == [made[4]]
    expectations.close()
