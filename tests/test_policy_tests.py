"""Policy tests: what they ask, what passes, and what a failure tells."""

from __future__ import annotations

import itertools
import textwrap
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

import northwind
from grantd_server.governance.asking.offline import rule_places
from grantd_server.governance.document import parse_directory, version_of
from grantd_server.governance.faults import BundleError
from grantd_server.governance.testing.demanding import demand
from grantd_server.governance.testing.junit import junit
from grantd_server.governance.testing.reading.suite_files import read_suites
from grantd_server.governance.testing.report import CaseResult, Outcome, TestReport
from grantd_server.governance.testing.running import run_tests

NOW = 1_795_291_200
PEOPLE = """\
people:
  accountant: {provider: corp, sub: u-1, groups: [finance], roles: []}
  contractor: {provider: corp, groups: [finance, contractors]}
  guest: {provider: corp, groups: []}
  somebody: {provider: corp}
client: desk
resource: ledger
"""
RULES = """\
    - id: finance-reads
      effect: allow
      subjects: {groups: ["corp:finance"]}
      clients: [desk]
      resources: [ledger]
      scopes: [ledger.read]
"""


def run(folder: Path, tests: str, bundle: str = northwind.BUNDLE, now: int = NOW, top: str = PEOPLE) -> TestReport:
    """Each case takes an eighth of a second."""
    document = northwind.parse(folder, bundle)
    (folder / "tests").mkdir(exist_ok=True)
    (folder / "tests" / "t.yaml").write_text(top + "tests:\n" + textwrap.indent(textwrap.dedent(tests), "  "))
    timer = (each / 8 for each in itertools.count()).__next__
    return run_tests(document, read_suites(folder), now, rule_places(document), timer)


def outcomes(report: TestReport) -> list[str]:
    return [f"{result.name}: {result.outcome.value}" for result in report.results]


def with_rule(changed: str) -> str:
    return northwind.BUNDLE.replace(RULES, RULES.rstrip() + "\n" + textwrap.indent(changed, "      ") + "\n")


def test_a_table_asks_for_each_person_and_each_scope(tmp_path: Path) -> None:
    report = run(
        tmp_path,
        """\
        - name: the ledger
          scopes: [ledger.read, ledger.write]
          table:
            accountant: [yes finance-reads honour, no_rule]
            contractor: [deny_rule contractors-out, no]
            guest: [no_rule, no]
            somebody: [deny_rule, deny_rule]
        """,
    )

    assert outcomes(report) == [
        f"the ledger [{who}]: passed" for who in ("accountant", "contractor", "guest", "somebody")
    ]
    assert report.ok


def test_a_failure_tells_expected_and_got_and_the_rule_that_decided_or_came_nearest(tmp_path: Path) -> None:
    report = run(
        tmp_path,
        """\
        - name: other people
          who: [guest, contractor]
          expect: {ledger.read: yes}
        - name: nobody
          who: accountant
          expect: {ledger.read: no_rule, ledger.delete: yes}
        """,
    )

    assert list(report.lines()) == [
        "tests/t.yaml:9:5: tests/t.yaml: other people [guest]: failed",
        "  ledger.read: expected granted, got no_rule",
        "    nearest: finance-reads (b.yaml:81:7) fails at subjects.groups: expected corp:finance, got none",
        "tests/t.yaml:9:5: tests/t.yaml: other people [contractor]: failed",
        "  ledger.read: expected granted, got deny_rule contractors-out",
        "    denied by contractors-out (b.yaml:87:7)",
        "tests/t.yaml:12:5: tests/t.yaml: nobody: failed",
        "  ledger.read: expected no_rule, got granted finance-reads honour",
        "    granted by finance-reads (b.yaml:81:7)",
        "    granted by honour (b.yaml:95:7)",
        "  ledger.delete: expected granted, got unknown_scope",
        "    the resource has no such scope",
        "3 cases: 0 passed, 3 failed, 0 error",
    ]


@pytest.mark.parametrize(
    ("expected", "outcome"),
    [
        ("expect: {ledger.read: yes}", "passed"),
        ("expect: {ledger.read: yes finance-reads}", "passed"),
        ("expect: {ledger.read: yes honour}", "passed"),
        ("expect: {ledger.read: yes contractors-out}", "failed"),
        ("expect: {ledger.read: no}", "failed"),
        ("expect: {ledger.read: deny_rule}", "failed"),
        ("expect: {ledger.write: no_rule}", "passed"),
        ("expect: {ledger.write: no}", "passed"),
        ("expect: {ledger.write: deny_rule}", "failed"),
        ("{scopes: [ledger.read, ledger.write], granted: [ledger.read]}", "passed"),
        ("{scopes: [ledger.read, ledger.write], granted: [ledger.read, ledger.write]}", "failed"),
        ("{scopes: [ledger.read, ledger.write], granted: []}", "failed"),
        ("{scopes: [ledger.write], granted: []}", "passed"),
    ],
)
def test_a_case_passes_only_where_grant_reason_and_rule_are_as_expected(
    tmp_path: Path, expected: str, outcome: str
) -> None:
    keys = expected.strip("{}").replace("], ", "]\n  ") if expected.startswith("{") else expected

    (found,) = run(tmp_path, f"- name: one\n  who: accountant\n  {keys}\n").results

    assert found.outcome.value == outcome


@pytest.mark.parametrize(
    ("keys", "require", "reason"),
    [
        ("sign_in: {acr: mfa}", "require: {acr: [mfa]}", "yes"),
        ("sign_in: {acr: pwd}", "require: {acr: [mfa]}", "step_up"),
        ("leg: both", "require: {acr: [mfa]}", "step_up"),
        ("sign_in: {amr: [otp]}", "require: {amr: [otp, hwk]}", "yes"),
        ("sign_in: {amr: []}", "require: {amr: [otp, hwk]}", "step_up"),
        ("sign_in: {age: 59m}", "require: {max_auth_age: 1h}", "yes"),
        ("sign_in: {age: 0s}", "require: {max_auth_age: 1h}", "yes"),
        ("sign_in: {age: 2h}", "require: {max_auth_age: 1h}", "step_up"),
        ("address: 10.1.2.3", "require: {network: [10.0.0.0/8]}", "yes"),
        ("address: 192.0.2.1", "require: {network: [10.0.0.0/8]}", "no_rule"),
        ("at: 2026-11-20T09:00:00Z", "require: {time: {days: [fri], from: 08:00, to: 18:00, timezone: UTC}}", "yes"),
        (
            "at: 2026-11-20T19:00:00Z",
            "require: {time: {days: [fri], from: 08:00, to: 18:00, timezone: UTC}}",
            "no_rule",
        ),
        ("leg: both", "require: {time: {days: [fri], from: 08:00, to: 18:00, timezone: UTC}}", "no_rule"),
        ("at: 2026-01-01T00:00:00Z", "expires: 2026-06-01T00:00:00Z", "yes"),
        ("leg: both", "expires: 2026-06-01T00:00:00Z", "no_rule"),
    ],
)
def test_the_circumstances_of_a_test_are_those_that_rules_read(
    tmp_path: Path, keys: str, require: str, reason: str
) -> None:
    tests = f"- name: one\n  who: accountant\n  {keys}\n  expect: {{ledger.read: {reason}}}\n"

    report = run(tmp_path, tests, with_rule(require))

    assert report.ok, list(report.lines())


def test_what_a_test_says_wins_over_what_its_file_says(tmp_path: Path) -> None:
    top = PEOPLE + "sign_in: {acr: mfa, age: 10m}\naddress: 10.0.0.1\nat: 2026-11-20T09:00:00Z\nissuer: northwind\n"
    bundle = with_rule("require: {acr: [mfa], network: [10.0.0.0/8]}")
    tests = """\
        - name: as the file says
          who: accountant
          expect: {ledger.read: yes}
        - name: without a sign-in
          who: accountant
          sign_in: {}
          expect: {ledger.read: step_up}
        - name: from elsewhere
          who: accountant
          address: 192.0.2.1
          expect: {ledger.read: no_rule}
        """

    report = run(tmp_path, tests, bundle, top=top)

    assert report.ok, list(report.lines())


@pytest.mark.parametrize(
    ("bundle", "leg", "expected"),
    [
        (('      scopes: ["*"]\n', '      scopes: ["*.write"]\n'), "both", "ceiling_no_rule"),
        (('      scopes: ["*"]\n', '      scopes: ["*.write"]\n'), "grant", "yes finance-reads"),
        (('      scopes: ["*"]\n', '      scopes: ["*.write"]\n'), "redemption", "ceiling_no_rule"),
        (('      scopes: ["*"]\n', '      scopes: ["*"]\n      require: {acr: [mfa]}\n'), "both", "ceiling_step_up"),
        (("    - id: honour\n", "    - {id: never, effect: deny, issuers: [northwind], clients: [desk], resources: [ledger], scopes: [ledger.read]}\n    - id: honour\n"),
         "both", "ceiling_deny_rule never"),
    ],
)  # fmt: skip
def test_the_ceiling_of_the_server_is_asked_after_the_grant(
    tmp_path: Path, bundle: tuple[str, str], leg: str, expected: str
) -> None:
    head, mark, tail = northwind.BUNDLE.rpartition("redemptions:")
    text = head + mark + tail.replace(*bundle)
    tests = f"- name: one\n  who: accountant\n  leg: {leg}\n  expect: {{ledger.read: {expected}}}\n"

    report = run(tmp_path, tests, text)

    assert report.ok, list(report.lines())


def test_the_grant_of_a_foreign_issuer_is_asked_of_leg_2_alone(tmp_path: Path) -> None:
    tests = """\
        - name: fabrikam
          issuer: fabrikam
          resource: wiki
          expect: {wiki.read: yes honour}
        - name: fabrikam at the ledger
          issuer: fabrikam
          expect: {ledger.read: assertion_resource}
        """

    report = run(tmp_path, tests)

    assert report.ok, list(report.lines())


@pytest.mark.parametrize(
    ("test", "error"),
    [
        ("client: desc", 'there is no client "desc"'),
        ("resource: ledgre", 'there is no resource "ledgre"'),
        ("issuer: southwind", 'there is no grant issuer and no trusted issuer "southwind"'),
    ],
)
def test_a_name_that_leads_nowhere_is_an_error_and_never_a_refusal_as_expected(
    tmp_path: Path, test: str, error: str
) -> None:
    (found,) = run(tmp_path, f"- name: one\n  who: guest\n  {test}\n  expect: {{ledger.read: no}}\n").results

    assert (found.outcome, found.error) == (Outcome.ERROR, error)


@pytest.mark.parametrize(
    ("person", "error"),
    [
        ("{provider: corpse}", 'there is no identity provider "corpse"'),
        ("{provider: corp, claims: {departmnt: x}}", 'corp declares no claim "departmnt"'),
    ],
)
def test_a_person_that_cannot_be_is_an_error(tmp_path: Path, person: str, error: str) -> None:
    top = f"people:\n  p: {person}\nclient: desk\nresource: ledger\n"

    (found,) = run(tmp_path, "- {name: one, who: p, expect: {ledger.read: no}}\n", top=top).results

    assert found.error == error


def test_lists_ask_for_every_combination(tmp_path: Path) -> None:
    tests = """\
        - name: reading
          who: [accountant, guest]
          resource: [ledger, wiki]
          scopes: [ledger.read]
          granted: []
        """

    report = run(tmp_path, tests)

    assert [(result.name, result.outcome.value) for result in report.results] == [
        ("reading [accountant, ledger]", "failed"),
        ("reading [accountant, wiki]", "error"),
        ("reading [guest, ledger]", "passed"),
        ("reading [guest, wiki]", "error"),
    ]


@pytest.mark.parametrize(
    "expected",
    ["{scopes: [ledger.raed], granted: []}", "expect: {ledger.raed: no}", "expect: {ledger.raed: no_rule}",
     "{scopes: [ledger.read, ledger.raed], table: {accountant: [yes, no]}}"],
)  # fmt: skip
def test_a_refusal_of_a_scope_that_is_not_there_is_an_error_because_it_could_never_fail(
    tmp_path: Path, expected: str
) -> None:
    more = expected if expected.startswith("expect") else expected[1:-1]
    who = "" if "table" in expected else "who: accountant, "

    (found,) = run(tmp_path, f"- {{name: one, {who}{more}}}\n").results

    assert found.outcome is Outcome.ERROR
    assert found.error == 'ledger has no scope "ledger.raed"; expect unknown_scope if that is meant'


def test_whoever_means_an_unknown_scope_says_so(tmp_path: Path) -> None:
    assert run(tmp_path, "- {name: one, who: accountant, expect: {ledger.raed: unknown_scope}}\n").ok


def test_people_of_two_files_without_tests_have_names_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    for name in ("a", "b"):
        (tmp_path / "tests" / f"{name}.yaml").write_text("people: {ada: {provider: corp}}\n")

    with pytest.raises(
        BundleError, match=r'^tests/b.yaml:1:10: people: "ada" is in another file without tests already$'
    ):
        read_suites(tmp_path)


def test_a_folder_of_tests_alone_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "ledger.yaml").write_text(
        "people: {p: {provider: corp}}\nclient: desk\nresource: ledger\n"
        "tests: [{name: one, who: p, expect: {ledger.read: no}}]\n"
    )

    assert read_suites(tmp_path) == ()
    assert [suite.name for suite in read_suites(tmp_path, every=True)] == ["ledger.yaml"]


def test_the_people_of_a_file_without_tests_are_at_hand_everywhere(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "people.yaml").write_text("people: {shared: {provider: corp, groups: [finance]}}\n")

    report = run(tmp_path, "- {name: one, who: shared, expect: {ledger.read: yes}}\n")

    assert report.ok


def test_tests_are_no_part_of_the_bundle(tmp_path: Path) -> None:
    bare = version_of(northwind.parse(tmp_path))
    (tmp_path / "sub" / "tests" / "more").mkdir(parents=True)
    (tmp_path / "sub" / "tests" / "more" / "a.yaml").write_text("tests: [")
    (tmp_path / "ledger_test.yml").write_text("nonsense: true")

    assert version_of(parse_directory(tmp_path)) == bare


@pytest.mark.parametrize("name", ["tests/rules.yaml", "rules_test.yaml"])
def test_rules_in_a_file_of_tests_are_a_fault_of_the_bundle_because_they_would_not_be_in_force(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("tests: []\ngrants: {}\n")

    assert northwind.faults(tmp_path, northwind.BUNDLE) == [
        f'{name}:2:1: "grants" stands in a file of policy tests, which is no part of the bundle; move it'
    ]


def test_the_report_in_xml_has_every_case_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    report = run(
        tmp_path,
        """\
        - {name: fine, who: accountant, expect: {ledger.read: yes}}
        - {name: "<bad> & \\"odd\\"", who: guest, expect: {ledger.read: yes}}
        - {name: nowhere, who: guest, client: nobody, expect: {ledger.read: no}}
        """,
    )

    root = ET.fromstring(junit(report))  # noqa: S314 - our own text

    assert root.attrib == {
        "name": "grantd policy test", "tests": "3", "failures": "1", "errors": "1", "skipped": "0", "time": "0.375000",
    }  # fmt: skip
    (suite,) = root
    fine, bad, nowhere = suite
    assert (suite.get("name"), fine.get("name"), len(fine)) == ("tests/t.yaml", "fine", 0)
    assert {each.get("time") for each in suite} == {"0.125000"}
    assert suite.get("time") == "0.375000"
    assert (bad.get("name"), bad.get("file"), bad.get("line")) == ('<bad> & "odd"', "tests/t.yaml", "10")
    assert bad[0].get("message") == "ledger.read: expected granted, got no_rule"
    assert "nearest: finance-reads" in (bad[0].text or "")
    assert (nowhere[0].tag, nowhere[0].get("message")) == ("error", 'there is no client "nobody"')


def test_a_report_in_xml_is_well_formed_whatever_is_in_a_name(tmp_path: Path) -> None:
    odd = "bell\a tab\t del\x7f nul\x00 end\uffff sur\ud800 <&>\"' \N{BUG}"
    result = CaseResult(odd, odd, "tests/t.yaml:3:5", Outcome.ERROR, error=odd)

    root = ET.fromstring(junit(TestReport((result,))))  # noqa: S314 - our own text

    seen = "bell? tab? del? nul? end? sur? <&>\"' \N{BUG}"
    assert (root[0].get("name"), root[0][0].get("classname"), root[0][0].get("name")) == (seen, seen, seen)
    assert root[0][0][0].get("message") == seen


BROKEN = [
    ("name: one", "nmae: one", 't.yaml:9:5: tests.0: the key "name" is missing'),
    ("who: guest", "who: gast", 't.yaml:10:10: tests.one.who: nobody is called "gast"'),
    ("{ledger.read: no}", "{ledger.read: maybe}",
     't.yaml:11:27: tests.one.expect.ledger.read: "maybe" is neither yes nor no nor a reason'),
    ("{ledger.read: no}", "{ledger.read: norule}",
     't.yaml:11:27: tests.one.expect.ledger.read: "norule" is neither yes nor no nor a reason; did you mean "no_rule"?'),
    ("{ledger.read: no}", "{ledger.read: yes A!}",
     't.yaml:11:27: tests.one.expect.ledger.read: "A!" is not the id of a rule: a name has 1 to 63 lower-case letters, digits, dots, hyphens or underscores, and begins and ends with a letter or digit'),
    ("{ledger.read: no}", "{ledger.read: no some-rule}",
     "t.yaml:11:27: tests.one.expect.ledger.read: where a rule is named, so is the reason, such as deny_rule"),
    ("{ledger.read: no}", "{ledger.read: no}\n    granted: []\n    scopes: [ledger.read]",
     "t.yaml:9:5: tests.one: exactly one of granted, expect and table is expected"),
    ("expect: {ledger.read: no}", "leg: both", "t.yaml:9:5: tests.one: exactly one of granted, expect and table is expected"),
    ("{ledger.read: no}", "{ledger.read: no}\n    scopes: [ledger.write]",
     "t.yaml:12:13: tests.one.scopes: scopes are those of expect; leave the key out"),
    ("expect: {ledger.read: no}", "scopes: [ledger.read]\n    granted: [ledger.write]",
     "t.yaml:12:14: tests.one.granted: ledger.write is not among the scopes that are asked"),
    ("who: guest\n    expect: {ledger.read: no}", "scopes: [ledger.read]\n    table: {guest: [no, no]}",
     "t.yaml:11:12: tests.one.table: guest: one cell for each of 1 scopes is expected"),
    ("who: guest\n    expect: {ledger.read: no}", "scopes: [ledger.read]\n    table: {gast: [no]}",
     't.yaml:11:12: tests.one.table: nobody is called "gast"'),
    ("    expect", "    leg: third\n    expect", 't.yaml:11:10: tests.one.leg: "grant", "redemption" or "both" is expected'),
    ("    expect", "    at: 2026-11-20\n    expect",
     't.yaml:11:9: tests.one.at: a moment with its offset is expected, such as 2027-01-31T00:00:00Z, not "2026-11-20"'),
    ("    expect", "    address: here\n    expect", 't.yaml:11:14: tests.one.address: "here" is not an IP address'),
    ("    expect", "    sign_in: {age: 10}\n    expect",
     "t.yaml:11:20: tests.one.sign_in.age: a duration with its unit is expected, such as 300s, 5m, 8h or 30d, not 10 (write 10s if seconds are meant)"),
    ("groups: [finance], roles", 'groups: ["corp:finance"], roles',
     't.yaml:2:51: suite.people.accountant.groups: write "finance"; the provider is said already'),
    ("{provider: corp, groups: []}", "{provider: corp, email: ada}", 't.yaml:4:34: suite.people.guest.email: "ada" is not an address'),
    ("client: desk\n", "", 't.yaml:8:5: tests.one: the key "client" is missing, here and at the top'),
    ("    expect: {ledger.read: no}\n", "", "t.yaml:9:5: tests.one: exactly one of granted, expect and table is expected"),
    ("{ledger.read: no}", "{}", "t.yaml:11:13: tests.one.expect: at least one entry is expected"),
    ("{ledger.read: no}", "", "t.yaml:11:12: tests.one.expect: a mapping is expected, not nothing"),
    ("{ledger.read: no}", "{ledger.read: }", "t.yaml:11:27: tests.one.expect.ledger.read: a text is expected, not nothing"),
    ("{ledger.read: no}", "{ledger.read: false}",
     't.yaml:11:27: tests.one.expect.ledger.read: a text is expected, not false (write "false" in quotes if a text is meant)'),
    ("expect: {ledger.read: no}", "scopes: []\n    granted: []", "t.yaml:11:13: tests.one.scopes: a list of 1 to 1000 values is expected"),
    ("who: guest\n    expect: {ledger.read: no}", "scopes: [ledger.read]\n    table: {}",
     "t.yaml:11:12: tests.one.table: at least one entry is expected"),
    ("who: guest\n    expect: {ledger.read: no}", "scopes: [ledger.read]\n    table: {guest: no}",
     "t.yaml:11:12: tests.one.table: guest: one cell for each of 1 scopes is expected"),
    ("who: guest\n    ", "who: []\n    ", "t.yaml:10:10: tests.one.who: a list of 1 to 1000 values is expected"),
    ("    expect", "    expct: {}\n    expect", 't.yaml:11:5: tests.one: the key "expct" is not known here; did you mean "expect"?'),
    ("  - name: one", "  - {name: one, who: guest, expect: {ledger.write: no}}\n  - name: one",
     "t.yaml:10:11: tests.one: the name is used already, in line 9"),
    ("  - name: one", "  - one\n  - name: one", "t.yaml:9:5: tests.0: a mapping is expected, not a text"),
    ("people:", "people: &all", "t.yaml:1:9: anchors and aliases are not allowed; write the value out in each place"),
    ("client: desk", "client: desk\nclient: robot", 't.yaml:7:1: the key "client" is repeated; it stands in line 6 already'),
    ("{provider: corp, groups: []}", '{provider: corp, email: "ada@"}', 't.yaml:4:34: suite.people.guest.email: "ada@" is not an address'),
    ("tests:\n", "tests: none\nmore:\n", "t.yaml:8:8: tests: a list of at least one test is expected"),
    ("tests:\n", "tests: {one: {}}\nmore:\n", "t.yaml:8:8: tests: a list of at least one test is expected"),
    ("tests:\n", "tests: []\nclients:\n", "t.yaml:8:8: tests: a list of at least one test is expected"),
]  # fmt: skip


@pytest.mark.parametrize("text", ["tests\n", "[tests]\n"])
def test_a_file_of_tests_that_is_no_mapping_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "a_test.yaml").write_text(text)

    with pytest.raises(BundleError, match=r"^a_test.yaml:1:1: suite: a mapping is expected, not a (text|list)$"):
        read_suites(tmp_path)


@pytest.mark.parametrize(("old", "new", "told"), BROKEN, ids=lambda value: str(value)[:30])
def test_a_broken_file_of_tests_is_told_by_file_line_and_column(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = PEOPLE + "tests:\n  - name: one\n    who: guest\n    expect: {ledger.read: no}\n"
    assert old in text
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "t.yaml").write_text(text.replace(old, new, 1))

    with pytest.raises(BundleError) as refused:
        read_suites(tmp_path)

    assert f"tests/{told}" in str(refused.value).splitlines(), refused.value


def test_a_demand_of_tests_that_fail_tells_the_place_of_each(tmp_path: Path) -> None:
    document = northwind.parse(tmp_path)
    (tmp_path / "t_test.yaml").write_text(
        PEOPLE + "tests:\n  - {name: one, who: guest, expect: {ledger.read: yes}}\n"
        "  - {name: two, who: guest, expect: {ledger.read: no}}\n"
    )

    with pytest.raises(BundleError) as refused:
        demand(document, read_suites(tmp_path), NOW)

    assert str(refused.value) == (
        "t_test.yaml:9:5: t_test.yaml: one: this policy test does not pass; `grantd policy test` tells why"
    )
    demand(document, [], NOW)
