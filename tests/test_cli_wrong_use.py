"""Wrong use of the command line ends in a sentence that says what to do, and leaves nothing behind."""

from __future__ import annotations

import errno
import io
import json
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

from command_line import environ_of, house_at, lines, runner
from grantd.administration import directory
from grantd_server.cli.app import app
from grantd_server.cli.terminal import ending
from grantd_server.cli.terminal.writing import ERRORS, writing

if TYPE_CHECKING:
    from collections.abc import Callable

GRANTD = Path(sys.executable).with_name("grantd")


@pytest.fixture
def house(tmp_path: Path) -> Path:
    return house_at(tmp_path)


@pytest.fixture
def run(house: Path) -> Callable[..., Any]:
    return runner(house)


def files_of(place: Path) -> set[str]:
    return {file.relative_to(place).as_posix() for file in place.rglob("*")}


def test_a_dry_run_makes_no_database_and_is_compared_with_nothing(house: Path, run: Callable[..., Any]) -> None:
    before = files_of(house)
    told = lines(run("apply", house / "governance", "--dry-run"))
    assert "compared with epoch 0; --expect 0 applies it to no other" in told
    assert files_of(house) == before


def test_a_dry_run_changes_no_byte_of_the_database(house: Path, run: Callable[..., Any]) -> None:
    run("apply", house / "governance")
    run("block", "client", "desk-agent", "-m", "stolen")
    rules = house / "governance" / "rules.yaml"
    rules.write_text(rules.read_text().replace("corp:finance", "corp:audit"))
    before = {name: (house / name).read_bytes() for name in files_of(house) if (house / name).is_file()}
    told = lines(run("apply", house / "governance", "--dry-run"))
    assert told[-1].endswith("nothing was applied")
    after = {name: (house / name).read_bytes() for name in files_of(house) if (house / name).is_file()}
    # The log and index of SQLite hold nothing that is not in the file once it is closed.
    assert {name: kept for name, kept in after.items() if kept} == {name: kept for name, kept in before.items() if kept}


def test_commands_that_were_told_no_place_say_how_to_name_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (("versions",), ("blocks",), ("explain", "d1"), ("access", "report")):
        found = CliRunner(env={"GRANTD_CONFIG": ""}).invoke(app, words)
        told = "Name the settings with --config, or a running service with --server.\n"
        assert (found.exit_code, found.stderr) == (2, told)


def test_a_service_elsewhere_takes_three_files() -> None:
    found = CliRunner().invoke(app, ["versions", "--server", "grantd.example:7443"])
    told = "grantd.example:7443 is not on this machine: it takes --ca, --cert and --key.\n"
    assert (found.exit_code, found.stderr) == (2, told)


def test_a_service_that_does_not_answer_is_to_be_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = CliRunner().invoke(app, ["versions", "--server", f"127.0.0.1:{port}"])
    assert found.exit_code == 3
    assert found.stderr.startswith("The service does not answer: ")
    assert "refused" in found.stderr
    assert "explain" not in found.stderr


@pytest.mark.parametrize("command", ["apply", "simulate"])
def test_a_directory_that_is_not_there_is_not_sent(command: str) -> None:
    found = CliRunner().invoke(app, [command, "nowhere", "--server", "127.0.0.1:1"])
    assert (found.exit_code, found.stderr) == (1, "nowhere: there is no such folder\n")


def test_a_file_that_cannot_be_read_is_named(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(directory, "_as_it_is", locked)
    found = CliRunner().invoke(app, ["apply", str(house / "governance"), "--server", "127.0.0.1:1"])
    assert found.exit_code == 2
    assert found.stderr.endswith(".yaml': Permission denied\n")


def test_a_report_that_cannot_be_written_is_a_sentence(house: Path, run: Callable[..., Any]) -> None:
    (house / "governance" / "t_test.yaml").write_text(
        "people: {a: {provider: corp, groups: [finance], roles: []}}\nclient: desk-agent\n"
        "tests: [{name: books, who: a, resource: ledger, expect: {ledger.read: yes}}]\n"
    )
    nowhere = house / "no" / "report.xml"
    found = run("policy", "test", house / "governance", "--junit", nowhere, code=2)
    assert found.stderr == f"--junit: {nowhere} cannot be written: No such file or directory\n"


def test_keys_that_cannot_be_used_keep_a_bundle_out(house: Path, run: Callable[..., Any]) -> None:
    (house / "keys").mkdir()
    key = house / "keys" / "access_token.x.json"
    key.write_text("{}")
    key.chmod(0o644)
    told = run("apply", house / "governance", code=1).stderr
    assert "open to others: chmod 600 it" in told
    assert "Traceback" not in told


def test_what_is_no_database_is_called_by_its_name(house: Path, run: Callable[..., Any]) -> None:
    (house / "grantd.db").write_text("nothing that SQLite wrote")
    assert run("versions", code=3).stderr == "The database cannot be used: SQLITE_NOTADB\n"


@pytest.mark.parametrize(
    "words", [("block", "client", "desk-agent"), ("unblock", "client", "a"), ("revoke", "d1"), ("rollback", "b1")]
)
@pytest.mark.parametrize("option", ["--reason", "--message", "-m"])
def test_every_act_takes_its_reason_by_the_same_names(
    run: Callable[..., Any], words: tuple[str, ...], option: str
) -> None:
    for why, told in (
        (" ", "Say why with --reason.\n"),
        ("two\nlines", "--reason is one line of at most 256 characters.\n"),
        ("a" * 257, "--reason is one line of at most 256 characters.\n"),
    ):
        assert run(*words, option, why, code=2).stderr == told
    assert "Missing option '--reason'" in run(*words, code=2).stderr


def test_a_reason_of_apply_may_be_left_out_and_is_held_to_the_same_form(house: Path, run: Callable[..., Any]) -> None:
    assert "one line" in run("apply", house / "governance", "-m", "two\nlines", code=2).stderr
    run("apply", house / "governance", "--reason", "asked for")
    (version,) = json.loads(run("versions", "--json").stdout)
    assert (version["reason"], version["active"], version["epoch"]) == ("asked for", True, 1)


def test_what_programs_read_says_what_people_read(house: Path, run: Callable[..., Any]) -> None:
    first = json.loads(run("apply", house / "governance", "-m", "first", "--json").stdout)
    assert (first["activated"], first["epoch"], first["compared_epoch"], first["faults"]) == (True, 1, 0, [])
    rules = house / "governance" / "rules.yaml"
    rules.write_text(rules.read_text().replace("corp:finance", "corp:audit"))
    dry = json.loads(run("apply", house / "governance", "--dry-run", "--json").stdout)
    assert (dry["activated"], dry["compared_version"], dry["replay"]) == (
        False,
        first["version"],
        {"changed": 0, "undetermined": 0},
    )
    second = json.loads(run("apply", house / "governance", "--json").stdout)
    assert second["access"] == dry["access"]
    assert {(each["change"], each["subject"]) for each in dry["access"]} == {
        ("gained", "group corp:audit"),
        ("lost", "group corp:finance"),
    }
    between = json.loads(run("diff", first["version"], "active", "--json").stdout)
    assert (between["fields"], between["access"]) == (dry["fields"], dry["access"])
    newest, oldest = json.loads(run("versions", "--json").stdout)
    assert (newest["version"], newest["active"], oldest["active"]) == (second["version"], True, False)
    rules.write_text("rules: [")
    broken = run("apply", house / "governance", "--json", code=1)
    assert "rules.yaml:" in broken.stderr


def test_faults_that_a_service_found_are_in_the_output_for_programs(house: Path, run: Callable[..., Any]) -> None:
    (house / "grantd.yaml").write_text((house / "grantd.yaml").read_text().replace("true\nstore", "false\nstore"))
    found = run("apply", house / "governance", "--json", code=1)
    assert json.loads(found.stdout)["faults"] == found.stderr.splitlines()


# What is printed


def process(house: Path, *words: object, **more: Any) -> subprocess.CompletedProcess[bytes]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("GRANTD", "LC_", "LANG"))}
    environ |= environ_of(house) | more.pop("env", {})
    outputs = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
    return subprocess.run([GRANTD, *map(str, words)], env=environ, timeout=60, check=False, **outputs)


def test_a_place_that_takes_no_more_is_a_sentence(house: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        found = process(house, "show", house / "governance", stdout=full)
    assert (found.returncode, found.stderr) == (1, b"The output cannot be written: No space left on device.\n")


def test_a_reader_that_leaves_is_no_fault(house: Path) -> None:
    reading, writing_end = os.pipe()
    os.close(reading)
    with os.fdopen(writing_end, "wb") as gone:
        found = process(house, "show", house / "governance", stdout=gone)
    assert (found.returncode, found.stderr) == (1, b"")


def test_a_reader_that_leaves_in_the_middle_is_no_fault() -> None:
    """More than the buffers hold: it fails while it is printed, and not at the end."""
    code = (
        "from grantd_server.cli.terminal.writing import writing\nwith writing():\n"
        "    for _ in range(9):\n        print('x' * 100_000)"
    )
    reading, writing_end = os.pipe()
    os.close(reading)
    with os.fdopen(writing_end, "wb") as gone:
        found = subprocess.run(
            [sys.executable, "-c", code], stdout=gone, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert (found.returncode, found.stderr) == (1, b"")


FAULTS = [
    TimeoutError(),
    ssl.SSLError(1, "a bad record"),
    OSError(errno.EADDRINUSE, "Address already in use"),
    BrokenPipeError(errno.EPIPE, "Broken pipe"),
    OSError(errno.ENOSPC, "No space left on device"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_fault_of_something_else_is_not_told_as_one_of_the_output(
    fault: OSError, capfd: pytest.CaptureFixture[str]
) -> None:
    command = typer.Typer(pretty_exceptions_enable=False)

    @command.command()
    def fail() -> None:
        with ending.told():
            print("before")
            raise fault

    before = sys.stdout
    with pytest.raises(OSError) as caught, writing():
        command([])
    assert caught.value is fault
    assert sys.stdout is before
    assert capfd.readouterr().err == ""


def test_a_bug_is_seen_where_nothing_can_be_written() -> None:
    code = "from grantd_server.cli.terminal.writing import writing\nwith writing():\n    print('x')\n    raise KeyError('ours')"
    environ = os.environ | {"PYTHONUNBUFFERED": ""}  # or printing itself would fail
    with Path("/dev/full").open("wb") as full:
        found = subprocess.run(
            [sys.executable, "-c", code], env=environ, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False
        )
    assert b"KeyError: 'ours'" in found.stderr
    assert found.returncode != 0


def test_an_argument_of_another_encoding_is_told(house: Path, run: Callable[..., Any]) -> None:
    run("db", "upgrade")
    found = process(house, "block", "user", os.fsdecode(b"corp:\xff"), "-m", "x", env={"PYTHONUTF8": "1"})
    assert (found.returncode, found.stderr) == (2, b"An argument is not UTF-8.\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_every_text_is_printed_on_any_terminal(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    with writing():
        print("   └─ grant … → 日 \udcff")
    printed = out.buffer.getvalue()  # type: ignore[attr-defined]  # a BytesIO
    assert printed == b"   `- grant ... -> \\u65e5 \\udcff\n"
    assert out.errors == ERRORS


def test_nothing_is_coloured_where_nobody_wants_it(house: Path) -> None:
    for environ in ({"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}, {}):
        found = process(house, "block", "planet", env=environ)
        assert found.returncode == 2
        assert b"\x1b[3" not in found.stderr
