"""`grantd policy`: every command on a directory, its output and its exit codes."""

from __future__ import annotations

import json
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


def test_a_report_that_cannot_be_written_is_a_usage_error(folder: Path, tmp_path: Path) -> None:
    told = run("test", folder, "--junit", tmp_path / "nowhere" / "out.xml", code=2)

    assert (
        told.splitlines()[-1]
        == f"--junit: {tmp_path / 'nowhere' / 'out.xml'} cannot be written: No such file or directory"
    )


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
    assert "--at is a moment" in run("test", folder, "--at", "2026-06-01", code=2)


def test_a_broken_test_file_is_told_by_its_place(folder: Path) -> None:
    (folder / "tests" / "t.yaml").write_text(TESTS.replace("who: guest", "who: gust"))

    assert 'tests/t.yaml:8:32: tests.guests do not.who: nobody is called "gust"' in run("test", folder, code=1)


def test_validate_tells_the_version_or_every_fault_of_bundle_and_tests(folder: Path) -> None:
    assert run("validate", folder).endswith(" is valid; 2 cases of policy tests\n")
    assert json.loads(run("validate", folder, "--json"))["cases"] == 2

    (folder / "tests" / "t.yaml").write_text(TESTS.replace("who: guest", "who: gust"))
    (folder / "b.yaml").write_text(
        northwind.BUNDLE.replace(
            "clients: [desk]\n      resources: [ledger]\n", "clients: [desc]\n      resources: [ledger]\n"
        )
    )
    faults = [
        "b.yaml:84:17: grants.northwind.finance-reads.clients: desc matches no client of this bundle",
        'tests/t.yaml:8:32: tests.guests do not.who: nobody is called "gust"',
    ]

    assert run("validate", folder, code=1).splitlines() == faults
    told = json.loads(run("validate", folder, "--json", code=1))
    assert [f"{each['file']}:{each['line']}:{each['column']}: {each['sentence']}" for each in told["faults"]] == faults


def test_explain_answers_a_request_that_nobody_made(folder: Path) -> None:
    asked = ("explain", folder, "--client", "desk", "--resource", "ledger", "--provider", "corp")

    assert run(*asked, "--group", "finance", "--scope", "ledger.read", "--scope", "ledger.write").splitlines() == [
        "asked of northwind",
        "ledger.read: granted",
        "  granted by finance-reads (b.yaml:81:7)",
        "  granted by honour (b.yaml:95:7)",
        "ledger.write: no_rule",
        "  nearest: finance-reads (b.yaml:81:7) fails at scopes: expected ledger.read, got ledger.write",
    ]
    assert "ledger.read: deny_rule\n  denied by contractors-out (b.yaml:87:7)" in run(*asked)
    assert "got none" in run(*asked, "--no-groups")
    told = json.loads(run(*asked, "--no-groups", "--json"))
    assert told["scopes"]["ledger.read"]["reason"] == "no_rule"
    assert told["near_misses"][0]["place"] == "b.yaml:81:7"


def test_explain_tells_the_sign_in_that_would_do_and_shadow_rules(folder: Path) -> None:
    rules = folder / "b.yaml"
    more = '    - {id: trial, effect: deny, subjects: everyone, clients: [desk], resources: [ledger], scopes: ["*"], shadow: true}\n'
    text = rules.read_text().replace(
        "id: finance-reads", "id: finance-reads\n      require: {acr: [mfa], max_auth_age: 1h}"
    )
    rules.write_text(text.replace("    - id: finance-reads", f"{more}    - id: finance-reads"))
    asked = ("explain", folder, "--client", "desk", "--resource", "ledger", "--provider", "corp", "--group", "finance")

    told = run(*asked, "--acr", "pwd", "--age", "10").splitlines()

    assert "leg 1: a sign-in would do: acr mfa, signed in at most 3600 s ago" in told
    assert "leg 1: shadow rule trial (b.yaml:81:7) would deny" in told
    assert "ledger.read: granted" in run(*asked, "--acr", "mfa", "--age", "3600")
    assert "ledger.read: step_up" in run(*asked, "--acr", "mfa", "--age", "3601")


def test_explain_names_what_is_not_there(folder: Path) -> None:
    asked = ("explain", folder, "--client", "desk", "--resource")

    assert 'there is no resource "nothing"' in run(*asked, "nothing", "--provider", "corp", code=1)
    assert 'there is no identity provider "corpse"' in run(*asked, "ledger", "--provider", "corpse", code=1)
    assert "no scope is asked, and parts has no default scopes" in run(*asked, "parts", "--provider", "corp", code=1)
    assert "it takes a person" in run(*asked, "ledger", code=1)
    assert "NAME=VALUE" in run(*asked, "ledger", "--provider", "corp", "--claim", "x", code=2)


def test_diff_tells_who_gains_and_loses_and_nothing_of_lines(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    (other / "b.yaml").write_text(f"# moved\n{northwind.BUNDLE.replace('finance-reads', 'accountants')}")
    assert run("diff", folder, other) == "Nobody gains and nobody loses.\n"

    (other / "b.yaml").write_text(northwind.BUNDLE.replace('["corp:finance"]', '["corp:audit"]'))
    assert run("diff", folder, other).splitlines() == [
        "gained group corp:audit: ledger.read at ledger through desk; no rule -> finance-reads, honour",
        "lost   group corp:finance: ledger.read at ledger through desk; finance-reads, honour -> no rule",
    ]
    assert json.loads(run("diff", folder, other, "--json"))[0]["subject"] == "group corp:audit"
    assert run("diff", folder, other, "--csv").splitlines()[2] == (
        "lost,group corp:finance,desk,ledger,ledger.read,northwind,,finance-reads; honour,"
    )
    assert "not both" in run("diff", folder, other, "--csv", "--json", code=2)


def test_who_can_and_what_can_are_reverse_to_each_other(folder: Path) -> None:
    line = "ledger: group corp:finance can ledger.read through desk by finance-reads under honour; except by contractors-out: group corp:contractors\n"

    assert run("who-can", "ledger.read", "at", "ledger", "--in", folder) == line
    assert run("who-can", "ledger.*", "https://mcp.northwind.example/ledger", "--in", folder) == line
    assert run("who-can", "*", "*", "--in", folder).endswith(line) or line in run("who-can", "*", "*", "--in", folder)
    assert run("what-can", "desk", "--in", folder).startswith("ledger: group corp:finance can")
    assert run("what-can", "corp:finance", "--in", folder).startswith("ledger: group corp:finance can")
    assert run("what-can", "corp:audit", "--in", folder) == "Nobody.\n"
    assert json.loads(run("what-can", "corp:finance", "--in", folder, "--json"))[0]["rule"] == "finance-reads"
    assert run("who-can", "ledger.read", "at", "ledger", "--in", folder, "--csv").startswith(
        "resource,scope,subject,client,"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["who-can", "ledger.read", "at", "ledgre"], 1, 'There is no resource "ledgre".'),
        (["who-can", "ledger.raed", "at", "ledger"], 1, 'No resource has a scope "ledger.raed".'),
        (["who-can", "ledger.read", "in", "ledger"], 2, "Write: grantd policy who-can SCOPE at RESOURCE"),
        (["what-can", "finance"], 1, '"finance" is neither a client nor PROVIDER:NAME of an identity provider.'),
    ],
)
def test_a_review_of_what_is_not_there_is_refused(folder: Path, arguments: list[str], code: int, sentence: str) -> None:
    assert sentence in run(*arguments, "--in", folder, code=code)


def test_lint_exits_with_1_for_errors_and_where_it_is_strict_for_warnings(folder: Path) -> None:
    assert run("lint", folder).splitlines()[-1] == "1 findings"
    rules = folder / "b.yaml"

    rules.write_text(northwind.BUNDLE.replace('["corp:finance"]', '["corp:contractors"]'))
    assert "b.yaml:81:7: warning: denied: finance-reads" in run("lint", folder)
    assert "denied" in run("lint", folder, "--strict", code=1)

    rules.write_text(
        northwind.BUNDLE.replace(
            "      resources: [ledger]\n      scopes: [ledger.read]",
            "      resources: [wiki]\n      scopes: [wiki.read]",
        ).replace("resources: [ledger, wiki]\n      scopes", "resources: [ledger]\n      scopes")
    )
    assert "no redemption rule of tools lets wiki.read through" in run("lint", folder, code=1)
    assert json.loads(run("lint", folder, "--json", code=1))[0]["code"] == "unreachable"
    assert run("lint", folder, "--csv", code=1).startswith(
        "code,severity,rule,place,sentence,remedy\nunreachable,error,"
    )
