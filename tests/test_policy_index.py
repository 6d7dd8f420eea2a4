"""The index finds few rules among many, and never too few (the oracle proves the latter)."""

from __future__ import annotations

from typing import Any

import pytest

from grantd_server.model.bundle.rules import UNKNOWN, Attribute
from grantd_server.policy import decide_grant
from grantd_server.policy.decide import grant_keys
from policy_world import CLIENTS, RESOURCES, asking, grant_rules, known, rule


def many(**changed: Any) -> list[dict[str, Any]]:
    """A rule for each of 600 groups."""
    return [rule(f"r-{n}", subjects={"groups": [f"corp:g{n}"]}, **changed) for n in range(600)]


@pytest.mark.parametrize(
    "changed", [{}, {"resources": ["*"]}, {"clients": ["*"]}, {"resources": ["*"], "clients": ["*"]}]
)
def test_a_user_meets_the_rules_of_their_groups_only(changed: dict[str, Any]) -> None:
    rules = grant_rules(*many(**changed))
    found = rules.allows.find("ledger", "desk", ["", "groups:corp:g7", "groups:corp:g8"])
    assert sorted(one.id for one in found) == ["r-7", "r-8"]
    assert decide_grant(rules, asking(groups=known("corp:g7", "corp:g8"))).granted == {"ledger.read": "r-7"}


def test_rules_of_other_resources_and_clients_are_not_looked_at() -> None:
    names = [(resource, client) for resource in RESOURCES for client in CLIENTS]
    rules = grant_rules(
        *(
            rule(f"{resource}.{client}", resources=[resource], clients=[client], scopes=["*"])
            for resource, client in names
        )
    )
    assert [one.id for one in rules.allows.find("ledger", "desk", [""])] == ["ledger.desk"]
    assert next(iter(rules.allows.near("ledger", "desk"))).id == "ledger.desk"
    assert {one.id for one in rules.allows.near("ledger", "desk")} == {f"ledger.{client}" for client in CLIENTS}


def test_a_rule_of_two_groups_is_found_once() -> None:
    rules = grant_rules(rule("both", subjects={"groups": ["corp:a", "corp:b"]}))
    assert len(list(rules.allows.find("ledger", "desk", ["groups:corp:a", "groups:corp:b"]))) == 1


def test_a_deny_is_found_when_what_it_reads_is_unknown_and_an_allow_is_not() -> None:
    rules = grant_rules(
        rule("deny", "deny", subjects={"groups": ["corp:a"]}), rule("allow", subjects={"groups": ["corp:a"]})
    )
    assert [one.id for one in rules.denies.find("ledger", "desk", ["", "groups?"])] == ["deny"]
    assert list(rules.allows.find("ledger", "desk", ["", "groups?"])) == []


def department(*names: str) -> dict[str, Any]:
    return {"claims": {"corp:department": list(names)}}


def test_a_user_meets_the_rules_of_their_claims_only() -> None:
    rules = grant_rules(
        *(rule(f"r-{n}", subjects=department(f"d{n}"), resources=["*"], clients=["*"]) for n in range(600)),
        rule("of-guests", subjects={"claims": {"guest:department": ["d7"]}}, resources=["*"], clients=["*"]),
    )
    inputs = asking(claims={"department": known("d7", "d8")})
    found = rules.allows.find("ledger", "desk", grant_keys(rules, inputs))
    assert sorted(one.id for one in found) == ["r-7", "r-8"]
    assert decide_grant(rules, inputs).granted == {"ledger.read": "r-7"}


@pytest.mark.parametrize("claims", [{}, {"department": UNKNOWN}], ids=["not told", "unknown"])
def test_a_deny_is_found_when_the_claim_is_not_known_and_an_allow_is_not(claims: dict[str, Attribute]) -> None:
    rules = grant_rules(
        rule("deny", "deny", subjects=department("d1")),
        rule("deny-guests", "deny", subjects={"claims": {"guest:department": ["d1"]}}),
        rule("allow", subjects=department("d1")),
    )
    keys = grant_keys(rules, asking(claims=claims))
    assert [one.id for one in rules.denies.find("ledger", "desk", keys)] == ["deny"]
    assert list(rules.allows.find("ledger", "desk", keys)) == []


def test_a_claim_is_looked_at_only_where_rules_are_filed_under_one() -> None:
    rules = grant_rules(rule("groups", subjects={"groups": ["corp:eng"]}))
    assert not [key for key in grant_keys(rules, asking(claims={"department": known("d7")})) if "claims" in key]
