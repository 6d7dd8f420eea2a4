"""`grantd audit`: what it reads, prints and exits with."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from grantd_server.cli.app import app
from second_place import audited, ring_in
from tampering import changed, dropped, got, put

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., Any]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A database, keys and a second place; five rows, of which three are checkpointed."""

    async def fill() -> None:
        async with audited(tmp_path) as service:
            await service.records(3)
            await service.checkpoint()
            await service.records(2)

    asyncio.run(fill())
    (tmp_path / "grantd.yaml").write_text(
        "store: {url: 'sqlite:///grantd.db'}\nkeys: {directory: keys}\naudit: {checkpoints: {directory: second}}\n"
    )
    return tmp_path


@pytest.fixture
def run(place: Path) -> Run:
    def _run(*arguments: object, code: int = 0, config: bool = True) -> Any:
        environ = {"GRANTD_CONFIG": str(place / "grantd.yaml") if config else None}
        found = CliRunner(env=environ).invoke(app, ["audit", *(str(each) for each in arguments)])
        assert found.exit_code == code, found.output
        return found

    return _run


def test_a_log_that_holds_is_told_in_lines_and_exits_with_0(place: Path, run: Run) -> None:
    told = run("verify").stdout.splitlines()

    assert told[0] == "ok     writer grantd: 5 rows, 1 to 5, hold"
    assert told[1] == "       proven to row 3 by checkpoint 1 of 2023-11-14T22:13:30Z"
    assert told[2].startswith(f"ok     second place {place}/second: 1 checkpoints, 1 of 2023-11-14T22:13:30Z to 1 of")
    assert told[3].startswith("       last: ")
    assert told[4].startswith("open   2 rows and ")
    assert told[5] == "everything that can be proven holds"


def test_a_changed_row_is_told_with_its_record_and_exits_with_1(place: Path, run: Run) -> None:
    put(place, "client", "x", 2)

    told = run("verify", code=1).stdout

    assert (
        "WRONG  writer grantd: 5 rows, 1 to 5: row 2: edited: its hash is not that of its content (record d0002)"
        in told
    )
    assert told.endswith("NOT what it was: see the lines marked WRONG\n")


def test_the_report_for_programs_says_the_same(place: Path, run: Run) -> None:
    whole = json.loads(run("verify", "--json").stdout)
    assert (whole["holds"], whole["window_rows"]) == (True, 2)
    assert whole["writers"] == [
        {
            "writer": "grantd",
            "rows": 5,
            "first": 1,
            "last": 5,
            "proven": 3,
            "open": 2,
            "backdated": 0,
            "problem": "",
            "record": "",
        }
    ]
    assert whole["places"][0]["last_time_us"] == 1_700_000_010_000_000
    put(place, "client", "x", 2)
    found = json.loads(run("verify", "--json", code=1).stdout)
    assert (found["holds"], found["writers"][0]["record"]) == (False, "d0002")


def test_an_auditor_needs_an_export_the_second_place_and_keys_only(place: Path, run: Run, tmp_path: Path) -> None:
    keys = tmp_path / "trusted.json"
    keys.write_text(run("keys").stdout)
    assert "5 records are in" in run("export", tmp_path / "export.jsonl").stdout
    assert (tmp_path / "export.jsonl").stat().st_mode & 0o777 == 0o600
    shutil.rmtree(place / "keys")
    (place / "grantd.yaml").unlink()
    named = ("--checkpoints", place / "second", "--keys", keys)

    for records in ("export.jsonl", "grantd.db"):
        assert "everything" in run("verify", "--records", tmp_path / records, *named, config=False).stdout
    text = (tmp_path / "export.jsonl").read_text()
    (tmp_path / "export.jsonl").write_text(text.replace("d0002", "d0009"))
    run("verify", "--records", tmp_path / "export.jsonl", *named, code=1, config=False)


def test_an_export_never_overwrites(run: Run, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("x")
    assert "cannot be made" in run("export", tmp_path / "there", code=2).stderr


def test_a_key_that_is_not_trusted_proves_nothing(place: Path, run: Run, tmp_path: Path) -> None:
    ring_in(tmp_path / "foreign")
    foreign = "keys: {directory: foreign}\nstore: {url: 'sqlite:///grantd.db'}\n"
    (tmp_path / "foreign.yaml").write_text(foreign)
    (tmp_path / "keys.json").write_text(run("keys", "--config", tmp_path / "foreign.yaml").stdout)

    told = run("verify", "--keys", tmp_path / "keys.json", code=1).stdout

    assert "no checkpoint of a trusted key: kid: " in told


def test_the_last_checkpoint_may_be_demanded_to_be_new_or_known(run: Run) -> None:
    assert "seconds old, more than 60" in run("verify", "--max-age", "60", code=1).stdout
    (last,) = [line.split()[1] for line in run("verify").stdout.splitlines() if line.startswith("       last: ")]
    run("verify", "--seen", last)
    assert "seen before, is gone" in run("verify", "--seen", "00" * 32, code=1).stdout


def test_chains_alone_are_verified_when_that_is_said(place: Path, run: Run) -> None:
    (place / "grantd.yaml").write_text("store: {url: 'sqlite:///grantd.db'}\nkeys: {directory: keys}\n")
    assert "say --chains-only" in run("verify", code=2).stderr
    told = run("verify", "--chains-only").stdout
    assert "open   all 5 rows: without checkpoints, whoever can write the database" in told
    run("verify", "--chains-only", "--records", place / "grantd.db", config=False)
    dropped(place, 2, 2)
    run("verify", "--chains-only", code=1)


def test_a_damaged_or_foreign_file_is_no_proof_and_no_crash(place: Path, run: Run, tmp_path: Path) -> None:
    raw = bytearray((place / "grantd.db").read_bytes())
    for page in range(4096, len(raw), 4096):
        raw[page : page + 8] = b"\xff" * 8
    (tmp_path / "broken.db").write_bytes(raw)
    assert "the records end here" in run("verify", "--records", tmp_path / "broken.db", code=1).stdout
    (tmp_path / "other").write_text("no records")
    assert "neither a database nor an export" in run("verify", "--records", tmp_path / "other", code=3).stderr
    assert "cannot be read" in run("verify", "--records", tmp_path / "gone", code=2).stderr
    sqlite3.connect(tmp_path / "empty.db").execute("CREATE TABLE x (y)").connection.close()
    assert "the records end here" in run("verify", "--records", tmp_path / "empty.db", code=1).stdout


def test_a_torn_export_ends_where_it_is_torn(run: Run, tmp_path: Path) -> None:
    run("export", tmp_path / "export.jsonl")
    text = (tmp_path / "export.jsonl").read_text()
    (tmp_path / "export.jsonl").write_text(text[:-40])

    told = run("verify", "--records", tmp_path / "export.jsonl", code=1).stdout

    assert "the records end here: line 6 of the export is no record" in told


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--keys", "/nowhere"), "--keys: "),
        (("--keys", "/dev/null"), "--keys: "),
        (("--checkpoints", "/nowhere"), "/nowhere is not a directory."),
    ],
)
def test_what_cannot_be_read_is_one_sentence(run: Run, arguments: tuple[str, str], sentence: str) -> None:
    (line,) = run("verify", *arguments, code=2).stderr.splitlines()
    assert line.startswith(sentence)


def test_without_any_key_to_trust_nothing_is_verified(place: Path, run: Run, tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text('{"keys": []}')
    assert "no checkpoint key to trust" in run("verify", "--keys", tmp_path / "none.json", code=2).stderr
    (place / "grantd.yaml").write_text("store: {url: 'sqlite:///grantd.db'}\n")
    named = ("--checkpoints", place / "second")
    assert "Name the trusted keys with --keys" in run("verify", *named, code=2).stderr


def test_a_file_where_nothing_can_be_made_beside_it_is_read(place: Path, run: Run, tmp_path: Path) -> None:
    """The database was closed, so that it has no log beside it."""
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / "grantd.db").write_bytes((place / "grantd.db").read_bytes())
    for name in ("grantd.db-shm", "grantd.db-journal"):
        (tmp_path / "alone" / name).mkdir()  # what even root cannot open as a file
    assert "everything" in run("verify", "--records", tmp_path / "alone" / "grantd.db").stdout


def test_a_restoration_is_signed_with_its_reason(place: Path, run: Run) -> None:
    assert run("restored", "--reason", "the disk was lost").stdout == "checkpoint 2 says so\n"
    assert "checkpoint 2 is a restoration: the disk was lost" in run("verify").stdout


@pytest.mark.parametrize("reason", ["", " ", "x" * 257, "one\ntwo"])
def test_a_restoration_has_a_reason_of_one_line(run: Run, reason: str) -> None:
    assert "A reason is one line" in run("restored", "--reason", reason, code=2).stderr


def test_a_restoration_needs_a_second_place_and_a_key(place: Path, run: Run) -> None:
    config = (place / "grantd.yaml").read_text()
    (place / "grantd.yaml").write_text(config.replace("keys: {directory: keys}\n", ""))
    assert "keys.directory is missing" in run("restored", "--reason", "x", code=2).stderr
    (place / "grantd.yaml").write_text("store: {url: 'sqlite:///grantd.db'}\nkeys: {directory: keys}\n")
    assert "audit.checkpoints.directory is not set" in run("restored", "--reason", "x", code=2).stderr
    (place / "grantd.yaml").write_text(config)
    shutil.rmtree(place / "second")
    assert "second" in run("restored", "--reason", "x", code=3).stderr


def test_a_prune_signs_its_boundary_before_it_deletes(place: Path, run: Run) -> None:
    changed(place, "UPDATE records SET day = day - 9 WHERE seq <= 2")

    def prune() -> list[str]:
        found = CliRunner(env={"GRANTD_CONFIG": str(place / "grantd.yaml")}).invoke(app, ["db", "prune", "--keep", "3"])
        assert found.exit_code == 0, found.output
        return found.stdout.splitlines()

    assert prune()[1:] == ["checkpoint 2 says so"]
    told = run("verify").stdout
    assert "ok     writer grantd: 3 rows, 3 to 5, hold" in told
    assert "checkpoint 2 is a boundary: grantd db prune of records before " in told
    assert prune() == ["there was nothing to prune"]
    dropped(place, 3, 3)
    assert "row 4: missing: 3 rows before it, from 1 to 3" in run("verify", code=1).stdout


def test_nothing_is_pruned_that_nobody_could_sign_for(place: Path) -> None:
    changed(place, "UPDATE records SET day = day - 9 WHERE seq <= 2")
    shutil.rmtree(place / "second")

    found = CliRunner(env={"GRANTD_CONFIG": str(place / "grantd.yaml")}).invoke(app, ["db", "prune", "--keep", "3"])

    assert found.exit_code == 3, found.output
    assert got(place, "count(*)", 1) == 1
