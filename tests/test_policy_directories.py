"""Analyses of a bundle with a directory: its people are those it lists, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from analysis_world import HONOUR, NOW, content, world
from grantd_server.governance.analysis.difference.compare import semantic_diff
from grantd_server.governance.analysis.difference.rows import grouped
from grantd_server.governance.analysis.entitlements import lines, what_can, who_can
from grantd_server.governance.analysis.linting.lint import lint
from grantd_server.governance.analysis.subjects import somebody_of
from grantd_server.governance.document import canonical
from policy_world import rule

OURS = {**HONOUR, "issuers": ["home"]}
ENG = rule("eng", subjects={"groups": ["corp:eng"]})
OUT = rule("out", "deny", subjects={"groups": ["corp:out"]})
ADA = {"ada": {"groups": ["eng"], "roles": []}}
DESK = "ledger.read at ledger through desk"


def listed(users: dict[str, Any], missing: str = "disabled") -> dict[str, Any]:
    return {"directories": {"corp": {"missing": missing, "users": users}}}


@pytest.mark.parametrize(
    ("rules", "users", "missing", "told"),
    [
        ([ENG], ADA, "disabled", ["ledger: group corp:eng can ledger.read through desk by eng under honour"]),
        ([ENG], {"bob": {"groups": ["ops"], "roles": []}}, "disabled", []),
        ([ENG], {"ada": {**ADA["ada"], "active": False}}, "disabled", []),
        ([ENG], {"ada": {"roles": []}}, "unknown", []),
        ([ENG, OUT], {"ada": {"groups": ["eng", "out"], "roles": []}}, "disabled", []),
        ([ENG, OUT], {"ada": {"groups": ["eng", "out"]}, "bob": {"groups": ["eng"]}}, "disabled",
         ["ledger: group corp:eng can ledger.read through desk by eng under honour; except by out: group corp:out"]),
        ([rule("u", subjects={"users": ["corp:ada"]})], ADA, "disabled", ["ledger: user corp:ada can ledger.read through desk by u under honour"]),
        ([rule("u", subjects={"users": ["corp:bob"]})], ADA, "disabled", []),
        ([rule("u", subjects={"users": ["corp:bob"]})], ADA, "unknown", ["ledger: user corp:bob can ledger.read through desk by u under honour"]),
        ([rule("u", subjects={"users": ["corp:bob"]}), OUT], ADA, "unknown", []),
        ([rule("u", subjects={"users": ["corp:ada"]}), OUT], {"ada": {"roles": []}}, "disabled", []),
        ([rule("u", subjects={"users": ["corp:ada"]}), rule("out", "deny", subjects={"roles": ["corp:lead"]})], {"ada": {"groups": []}}, "disabled", []),
        ([rule("b", subjects={"groups": ["corp:eng"], "roles": ["corp:lead"]})],
         {**ADA, "bob": {"groups": [], "roles": ["lead"]}}, "disabled", []),
        ([rule("b", subjects={"groups": ["corp:eng"], "claims": {"corp:department": ["hr"]}})], ADA, "disabled",
         ["ledger: group corp:eng and claim corp:department = hr can ledger.read through desk by b under honour"]),
        ([rule("m", subjects={"users": ["corp:mailto:ada@corp.example"]})], ADA, "disabled",
         ["ledger: user corp:mailto:ada@corp.example can ledger.read through desk by m under honour"]),
    ],
)  # fmt: skip
def test_only_people_who_are_listed_can(
    rules: list[dict[str, Any]], users: dict[str, Any], missing: str, told: list[str]
) -> None:
    assert lines(who_can(world(rules, [OURS], **listed(users, missing)), "ledger.read", "ledger", NOW)) == told


@pytest.mark.parametrize(
    ("who", "users", "missing", "rules"),
    [
        ("corp:ada", ADA, "disabled", {"eng", "all"}),
        ("corp:ada", {"ada": {**ADA["ada"], "active": False}}, "disabled", set()),
        ("corp:bob", ADA, "disabled", set()),
        ("corp:bob", ADA, "unknown", {"all"}),
        ("corp:eng", ADA, "disabled", {"eng", "all"}),
        ("corp:mailto:ada@corp.example", ADA, "disabled", {"all"}),
    ],
)
def test_what_somebody_can_is_as_the_directory_says(who: str, users: Any, missing: str, rules: set[str]) -> None:
    snapshot = world([ENG, rule("all", resources=["wiki"], scopes=["wiki.read"])], [OURS], **listed(users, missing))

    assert {row.rule for row in what_can(snapshot, somebody_of(snapshot, [who]), NOW)} == rules


def test_of_somebody_whose_groups_are_not_known_a_deny_of_groups_takes_all() -> None:
    rules = [
        rule("all", resources=["wiki"], scopes=["wiki.read"]),
        rule("out", "deny", subjects={"groups": ["corp:out"]}, resources=["wiki"], scopes=["*"]),
    ]
    snapshot = world(rules, [OURS], **listed(ADA, "unknown"))

    assert what_can(snapshot, somebody_of(snapshot, ["corp:bob"]), NOW) == []


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (listed(ADA), listed(ADA), []),
        (listed(ADA), listed({"ada": {"groups": [], "roles": []}}), [f"lost   user corp:ada: {DESK}; eng, honour -> no rule"]),
        (listed({"ada": {"groups": [], "roles": []}}), listed(ADA), [f"gained user corp:ada: {DESK}; no rule -> eng, honour"]),
        (listed(ADA), listed({"ada": {**ADA["ada"], "active": False}}), [f"lost   user corp:ada: {DESK}; eng, honour -> no rule"]),
        (listed(ADA), listed({"bob": ADA["ada"]}),
         [f"gained user corp:bob: {DESK}; no rule -> eng, honour", f"lost   user corp:ada: {DESK}; eng, honour -> no rule"]),
        (listed(ADA), listed({**ADA, "bob": {"groups": ["ops"], "roles": []}}), []),
        (listed(ADA), listed(ADA, "unknown"), []),
        (listed(ADA), {}, []),
        ({}, listed(ADA), [f"lost   everyone of corp who is not in its directory: {DESK}; eng, honour -> no rule"]),
    ],
)  # fmt: skip
def test_a_change_of_a_directory_is_told_by_name(before: Any, after: Any, told: list[str]) -> None:
    found = grouped(semantic_diff(world([ENG], [OURS], **before), world([ENG], [OURS], **after), NOW))

    assert [line for line in found if "not in its directory" not in line] == [
        line for line in told if "not in its" not in line
    ]


def test_rules_that_change_are_told_by_the_groups_that_people_of_the_directory_have() -> None:
    ops = {**ENG, "subjects": {"groups": ["corp:eng", "corp:ops"]}}

    def diff(users: dict[str, Any]) -> list[str]:
        return grouped(semantic_diff(world([ENG], [OURS], **listed(users)), world([ops], [OURS], **listed(users)), NOW))

    assert diff(ADA) == []
    assert diff({"ada": {"groups": ["eng", "ops"], "roles": []}}) == []
    assert diff({**ADA, "bob": {"groups": ["ops"], "roles": []}}) == [
        f"gained group corp:ops: {DESK}; no rule -> eng, honour"
    ]


def test_those_who_are_not_listed_gain_and_lose_together() -> None:
    every = rule("all")
    before, after = world([], [OURS], **listed(ADA, "disabled")), world([every], [OURS], **listed(ADA, "unknown"))

    found = grouped(semantic_diff(before, after, NOW))

    assert f"gained everyone of corp who is not in its directory: {DESK}; no rule -> all, honour" in found


def test_a_deny_of_a_group_that_nobody_is_in_is_needed_where_groups_are_not_known() -> None:
    def codes(missing: str) -> set[tuple[str, str]]:
        whole = content([ENG, OUT], [OURS], **listed(ADA, missing))
        return {(one.code, one.rule) for one in lint(canonical(whole), [], NOW)}

    assert ("never-matching", "out") in codes("disabled")
    assert ("never-matching", "out") not in codes("unknown")
