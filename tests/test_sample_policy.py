"""The policy tests of the sample company: they pass, half of them are refusals, and no rule
can be taken away unseen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from grantd_server.cli.app import app
from grantd_server.governance.analysis.difference.compare import semantic_diff
from grantd_server.governance.asking.offline import snapshot_of
from grantd_server.governance.document import Document, canonical, parse_directory
from grantd_server.governance.testing.reading.suite_files import read_suites
from grantd_server.governance.testing.running import run_tests

SAMPLE = Path(__file__).parent.parent / "deploy" / "sample" / "governance"
DOCUMENT = parse_directory(SAMPLE)
SNAPSHOT = snapshot_of(DOCUMENT)
SUITES = read_suites(SAMPLE)
NOW = 1_795_500_000
"""Every test of the sample says its own time."""
RULES = [
    (section, party, rule)
    for section in ("grants", "redemptions")
    for party, rules in DOCUMENT.root.plain()[section].items()
    for rule in rules
]
SHADOWS = [each for each in RULES if each[2].get("shadow")]
SECOND_NETS = {"data-exports-no-customers", "stores-lets-nobody-at-baltic-cancel"}
"""Ceilings that deny what no rule of the identity team grants today."""
LIVE = [each for each in RULES if not each[2].get("shadow")]


def without(section: str, party: str, rule: dict[str, Any], document: Document = DOCUMENT) -> bytes:
    """The bundle as if somebody had taken one rule away."""
    content = document.root.plain()
    content[section][party] = [other for other in content[section][party] if other["id"] != rule["id"]]
    return canonical(content)


def name_of(value: object) -> str:
    return str(value["id"]) if isinstance(value, dict) else str(value)


def test_the_policy_tests_pass_on_the_command_line() -> None:
    done = CliRunner().invoke(app, ["policy", "test", str(SAMPLE)])
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith(" passed, 0 failed, 0 error\n")


def test_grants_and_refusals_of_every_population_are_asked_about() -> None:
    cases = [case for suite in SUITES for case in suite.cases]
    refusals = [case for case in cases if any(not expected.granted for expected in case.expected.values())]
    assert len(cases) >= 60
    assert len(refusals) * 2 >= len(cases)
    providers = {case.question.person.provider for case in cases if case.question.person is not None}
    content = DOCUMENT.root.plain()
    assert providers == set(content["identity_providers"])
    assert {case.question.resource for case in cases} == set(content["resources"])
    assert {case.question.client for case in cases} == set(content["clients"])


def test_they_say_their_own_time() -> None:
    assert all(case.at is not None for suite in SUITES for case in suite.cases)


@pytest.mark.parametrize(("section", "party", "rule"), LIVE, ids=name_of)
def test_a_rule_that_is_taken_away_is_missed(section: str, party: str, rule: dict[str, Any]) -> None:
    assert run_tests(without(section, party, rule), SUITES, NOW).failing


@pytest.mark.parametrize(("section", "party", "rule"), SHADOWS, ids=name_of)
def test_a_shadow_rule_decides_nothing(section: str, party: str, rule: dict[str, Any]) -> None:
    assert run_tests(without(section, party, rule), SUITES, NOW).ok


@pytest.mark.parametrize(("section", "party", "rule"), RULES, ids=name_of)
def test_a_rule_that_is_taken_away_shows_in_the_difference(section: str, party: str, rule: dict[str, Any]) -> None:
    found = {change.change for change in semantic_diff(SNAPSHOT, without(section, party, rule), NOW)}
    if rule.get("shadow") or rule["id"] in SECOND_NETS:
        assert not found
    else:
        assert found == ({"lost"} if rule["effect"] == "allow" else {"gained"})
