"""Who can reach what, and by which rule: both legs, every identity provider, what cuts it."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from analysis_world import HONOUR, NOW, content, world
from grantd_server.governance.analysis.entitlements import Entitlement, lines, what_can, what_client_can, who_can
from grantd_server.governance.analysis.exporting import as_csv, as_json
from grantd_server.governance.analysis.judging.somebody import Somebody
from grantd_server.governance.analysis.subjects import Unknown, somebody_of
from policy_world import redemption, rule

OURS = {**HONOUR, "issuers": ["home"]}


def told(*rules: dict[str, Any], ceilings: list[dict[str, Any]] | None = None, resource: str = "ledger") -> list[str]:
    return lines(who_can(world(list(rules), ceilings or [OURS]), "*", resource, NOW))


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"subjects": {"groups": ["corp:eng"]}}, "ledger: group corp:eng can ledger.read through desk by a under honour"),
        ({"subjects": {"users": ["guest:u-1"]}}, "ledger: user guest:u-1 can ledger.read through desk by a under honour"),
        ({"subjects": {"groups": ["corp:eng"], "roles": ["corp:lead"]}},
         "ledger: group corp:eng and role corp:lead can ledger.read through desk by a under honour"),
        ({"subjects": {"claims": {"corp:department": ["hr"]}}},
         "ledger: claim corp:department = hr can ledger.read through desk by a under honour"),
        ({"subjects": {"groups": ["corp:eng"]}, "require": {"acr": ["mfa"], "network": ["10.0.0.0/8"]}},
         "ledger: group corp:eng can ledger.read through desk by a under honour; requires require.acr: mfa, require.network: 10.0.0.0/8"),
        ({"subjects": {"groups": ["corp:eng"]}, "clients": ["desk", "robot"], "scopes": ["ledger.*"]},
         "ledger: group corp:eng can ledger.read, ledger.write through desk, robot by a under honour"),
    ],
)  # fmt: skip
def test_a_rule_is_told_with_whom_it_lets_through_and_what_it_wants(changed: dict[str, Any], line: str) -> None:
    assert told(rule("a", **changed)) == [line]


def test_everyone_is_told_by_identity_provider() -> None:
    assert told(rule("a")) == [
        "ledger: everyone of corp can ledger.read through desk by a under honour",
        "ledger: everyone of guest can ledger.read through desk by a under honour",
    ]


@pytest.mark.parametrize(
    "more",
    [
        [rule("deny", "deny")],
        [rule("deny", "deny", subjects={"groups": ["corp:eng"]}, require={"network": ["0.0.0.0/0", "::/0"]})],
    ],
)
def test_what_a_deny_takes_altogether_is_not_told(more: list[dict[str, Any]]) -> None:
    assert told(rule("a", subjects={"groups": ["corp:eng"]}), *more) == []


def test_what_a_deny_takes_from_some_is_told_with_the_row() -> None:
    rules = [
        rule("a", subjects={"groups": ["corp:eng"]}),
        rule("leavers", "deny", subjects={"groups": ["corp:out", "guest:out"]}),
        rule("nights", "deny", require={"network": ["192.0.2.0/24"]}),
        rule("elsewhere", "deny", resources=["wiki"], scopes=["*"]),
        rule("past", "deny", subjects={"roles": ["corp:lead"]}, expires="2026-01-01T00:00:00Z"),
    ]

    assert told(*rules) == [
        "ledger: group corp:eng can ledger.read through desk by a under honour; except by nights: require.network: 192.0.2.0/24; leavers: group corp:out"
    ]


@pytest.mark.parametrize(
    ("ceilings", "line"),
    [
        ([], None),
        ([redemption("c", scopes=["ledger.write"])], None),
        ([redemption("c", issuers=["partner"])], None),
        ([OURS, redemption("no", "deny")], None),
        ([redemption("c", require={"acr": ["mfa"]})],
         "ledger: group corp:eng can ledger.read through desk by a under c; requires require.acr: mfa"),
        ([redemption("c", require={"acr": ["mfa"]}), redemption("d")],
         "ledger: group corp:eng can ledger.read through desk by a under c, d"),
        ([OURS, redemption("no", "deny", require={"acr": ["pwd"]})],
         "ledger: group corp:eng can ledger.read through desk by a under honour; except by no: require.acr: pwd"),
    ],
)  # fmt: skip
def test_the_ceiling_of_the_server_counts(ceilings: list[dict[str, Any]], line: str | None) -> None:
    snapshot = world([rule("a", subjects={"groups": ["corp:eng"]})], ceilings)

    rows = [row for row in who_can(snapshot, "ledger.read", "ledger", NOW) if row.issuer == "home"]

    assert lines(rows) == ([] if line is None else [line])


def test_two_demands_that_exclude_each_other_let_nobody_through() -> None:
    ceilings = [redemption("c", require={"acr": ["pwd"]})]

    assert told(rule("a", require={"acr": ["mfa"]}), ceilings=ceilings) == []


def test_a_server_of_somebody_else_has_its_own_say() -> None:
    rows = told(rule("a", subjects={"groups": ["corp:eng"]}, resources=["files"], scopes=["*"]), resource="files")

    assert rows == ["files: group corp:eng can files:read, files:write through desk by a"]


def test_people_of_a_trusted_issuer_are_told_as_those_it_vouches_for() -> None:
    rows = told(ceilings=[redemption("c", issuers=["partner"], require={"acr": ["mfa"]})])

    assert rows == [
        "ledger: everyone that partner vouches for can ledger.read through desk under c; requires require.acr: mfa"
    ]


@pytest.mark.parametrize("lacking", ["home", "tools"])
def test_a_client_that_is_not_registered_on_both_legs_reaches_nothing(lacking: str) -> None:
    whole = content([rule("a")], [OURS])
    del whole["clients"]["desk"]["at"][lacking]

    assert who_can(world([rule("a")], [OURS], clients=whole["clients"]), "*", "*", NOW) == []


def test_a_rule_that_has_expired_lets_nobody_through_and_one_that_will_does() -> None:
    rules = [rule("past", expires="2026-11-21T20:00:00Z"), rule("soon", expires="2026-11-21T20:00:01Z")]

    assert {row.rule for row in who_can(world(rules), "ledger.read", "ledger", NOW) if row.issuer == "home"} == {"soon"}


def test_scopes_and_resources_may_be_patterns() -> None:
    rules = [rule("a", subjects={"groups": ["corp:eng"]}, resources=["*"], scopes=["*"])]
    rows = who_can(world(rules, [OURS]), "*.read", "w*", NOW)

    assert {(row.resource, row.scope) for row in rows} == {("wiki", "wiki.read"), ("wiki", "shared.read")}


RULES = [
    rule("eng", subjects={"groups": ["corp:eng"]}),
    rule("leads", subjects={"roles": ["corp:lead"]}, scopes=["ledger.write"]),
    rule("both", subjects={"groups": ["corp:eng"], "roles": ["corp:lead"]}, clients=["robot"]),
    rule("all", clients=["agent-1"], resources=["wiki"], scopes=["wiki.read"]),
    rule("no", "deny", subjects={"groups": ["corp:out"]}, scopes=["*"]),
]


@pytest.mark.parametrize(
    ("names", "rules"),
    [
        (["corp:eng"], {"eng", "all"}),
        (["corp:lead"], {"leads", "all"}),
        (["role:corp:eng"], {"all"}),
        (["corp:eng", "corp:lead"], {"eng", "leads", "both", "all"}),
        (["corp:u-9"], {"all"}),
        (["guest:eng"], {"all"}),
        (["corp:eng", "corp:out"], {"all"}),
    ],
)
def test_what_somebody_can_is_told_by_what_they_have(names: list[str], rules: set[str]) -> None:
    snapshot = world(RULES, [OURS])

    assert {row.rule for row in what_can(snapshot, somebody_of(snapshot, names), NOW)} == rules


def test_what_a_client_can_is_told_for_everybody() -> None:
    assert {row.rule for row in what_client_can(world(RULES, [OURS]), "desk", NOW)} == {"eng", "leads"}


def test_a_user_of_a_directory_comes_with_its_groups() -> None:
    directory = {"corp": {"missing": "disabled", "users": {"u-9": {"groups": ["eng"], "roles": ["lead"]}}}}
    snapshot = world(RULES, [OURS], directories=directory)

    assert somebody_of(snapshot, ["corp:u-9"]) == Somebody(
        "corp", frozenset({"corp:eng"}), frozenset({"corp:lead"}), frozenset({"corp:u-9"})
    )
    assert somebody_of(snapshot, ["corp:eng"]).groups == {"corp:eng"}
    assert somebody_of(snapshot, ["corp:lead"]).roles == {"corp:lead"}


@pytest.mark.parametrize("names", [["eng"], ["corp"], ["nowhere:eng"], ["corp:eng", "guest:eng"], []])
def test_a_subject_that_nobody_can_be_is_refused(names: list[str]) -> None:
    with pytest.raises(Unknown):
        somebody_of(world(RULES), names)


def test_rows_are_exported_as_csv_and_json() -> None:
    rows = who_can(
        world([rule("a", subjects={"groups": ["corp:eng"]}, require={"acr": ["mfa"]})], [OURS]), "*", "*", NOW
    )

    (first,) = csv.DictReader(io.StringIO(as_csv(Entitlement, rows)))

    assert first == {
        "resource": "ledger", "scope": "ledger.read", "subject": "group corp:eng", "client": "desk", "issuer": "home",
        "provider": "corp", "rule": "a", "ceilings": "honour", "requires": "require.acr: mfa", "cut_by": "",
    }  # fmt: skip
    assert json.loads(as_json(rows)) == [
        {**first, "ceilings": ["honour"], "requires": ["require.acr: mfa"], "cut_by": []}
    ]


@pytest.mark.parametrize("begin", ["=", "+", "-", "@"])
def test_a_cell_is_never_a_formula(begin: str) -> None:
    row = Entitlement("r", f"{begin}cmd()", "s", "c", "i", "p", "rule", (), (), ())

    assert f",'{begin}cmd()," in as_csv(Entitlement, [row])
