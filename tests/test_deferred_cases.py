"""Every hostile case is tried by some test, or waits for a feature by name."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import yaml

TESTS = Path(__file__).parent
WORDS = {"saml", "dpop", "refresh", "tenant", "cimd", "details"}


def listed() -> tuple[set[str], dict[str, str]]:
    """All ids of the groups, and those that wait, with their word."""
    document = yaml.safe_load((TESTS / "deferred_cases.yaml").read_text())
    names = [case for group in document["cases"].values() for case in group]
    assert len(names) == len(set(names))
    assert all(name.startswith(group) for group, cases in document["cases"].items() for name in cases)
    return set(names), document["deferred"]


@cache
def carried() -> frozenset[str]:
    """Every id that a test or a case file carries."""
    found: set[str] = set()
    for file in TESTS.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.hostile"):
                found |= {each.value for each in node.args if isinstance(each, ast.Constant)}
    for file in (TESTS / "cases").glob("*.yaml"):
        found |= {name for case in yaml.safe_load(file.read_text()) for name in case.get("hostile", [])}
    return frozenset(found)


def test_every_hostile_case_is_tried_or_waits_by_name() -> None:
    names, deferred = listed()
    assert names - carried() - deferred.keys() == set()


def test_what_waits_is_not_tried_and_has_one_of_the_words() -> None:
    names, deferred = listed()
    assert deferred.keys() <= names
    assert deferred.keys().isdisjoint(carried()), "it is tried: take it from the list"
    assert set(deferred.values()) <= WORDS


def test_no_test_carries_an_id_of_these_groups_that_is_not_listed() -> None:
    names, _ = listed()
    groups = {name[0] for name in names}
    assert {name for name in carried() if name[0] in groups} <= names
