"""`grantd policy`: every command on a directory, its output and its exit codes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import northwind
from grantd_server.cli.app import app

TESTS = """\
people:
  accountant: {provider: corp, groups: [finance]}
  guest: {provider: corp, groups: []}
client: desk
resource: ledger
tests:
  - {name: accountants read, who: accountant, expect: {ledger.read: yes}}
  - {name: guests do not, who: guest, expect: {ledger.read: no}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "g" / "tests").mkdir(parents=True)
    (tmp_path / "g" / "b.yaml").write_text(northwind.BUNDLE)
    (tmp_path / "g" / "tests" / "t.yaml").write_text(TESTS)
    return tmp_path / "g"


def run(*arguments: object, code: int = 0) -> str:
    found = CliRunner().invoke(app, ["policy", *(str(each) for each in arguments)])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    assert found.exit_code == code, found.output
    return found.output


def test_tests_that_pass_exit_with_0_and_one_line(folder: Path) -> None:
    assert run("test", folder) == "2 cases: 2 passed, 0 failed, 0 error\n"


def test_a_failing_test_exits_with_1_and_is_told(folder: Path) -> None:
    rules = folder / "b.yaml"
    rules.write_text(
        rules.read_text().replace("scopes: [ledger.read]\n    - id: con", "scopes: [ledger.write]\n    - id: con")
    )

    told = run("test", folder, code=1)

    assert "tests/t.yaml:7:5: tests/t.yaml: accountants read: failed" in told
    assert told.splitlines()[-1] == "2 cases: 1 passed, 1 failed, 0 error"


def test_some_tests_are_run_by_name_and_none_is_a_usage_error(folder: Path) -> None:
    assert run("test", folder, "--run", "guests*").startswith("1 cases: 1 passed")
    assert run("test", folder, "--run", "tests/t.yaml/acc*").startswith("1 cases: 1 passed")
    assert "There is no test 'other'" in run("test", folder, "--run", "other", code=2)
    shutil.rmtree(folder / "tests")
    assert "There are no tests in" in run("test", folder, code=2)


def test_tests_may_stand_elsewhere_and_are_written_as_junit(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    shutil.move(folder / "tests", tmp_path / "more" / "tests")

    run("test", folder, "--tests", tmp_path / "more", "--junit", tmp_path / "out.xml")

    assert 'tests="2" failures="0" errors="0"' in (tmp_path / "out.xml").read_text()


def test_the_time_of_a_run_may_be_said(folder: Path) -> None:
    rules = folder / "b.yaml"
    rules.write_text(
        rules.read_text().replace("id: finance-reads", "id: finance-reads\n      expires: 2026-06-01T00:00:00Z")
    )

    run("test", folder, "--at", "2026-05-31T23:59:59Z")
    run("test", folder, "--at", "2026-06-01T00:00:00Z", code=1)
    assert "--at: a moment" in run("test", folder, "--at", "2026-06-01", code=2)


def test_a_broken_test_file_is_told_by_its_place(folder: Path) -> None:
    (folder / "tests" / "t.yaml").write_text(TESTS.replace("who: guest", "who: gust"))

    assert 'tests/t.yaml:8:32: tests.guests do not.who: nobody is called "gust"' in run("test", folder, code=1)
