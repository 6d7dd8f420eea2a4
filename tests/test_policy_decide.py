"""What a rule set answers: grants, refusals with their reasons, shadows."""

from __future__ import annotations

from typing import Any

import pytest

from grantd_server.model.bundle.rules import UNKNOWN, ScopeRefusal
from grantd_server.policy import decide_grant, decide_redemption
from policy_world import NOW, asking, grant_rules, known, redeeming, redemption, redemption_rules, rule

NO_RULE = (ScopeRefusal.NO_RULE, None)


@pytest.mark.req("A-41")
@pytest.mark.hostile("X16")
def test_without_rules_nothing_is_granted() -> None:
    decision = decide_grant(grant_rules(), asking())
    assert decision.granted == {}
    assert decision.refused == {"ledger.read": NO_RULE}
    assert decision.near_misses == ()


@pytest.mark.req("A-41")
def test_a_rule_about_everything_asked_grants_and_is_named() -> None:
    decision = decide_grant(grant_rules(rule("reads")), asking())
    assert decision.granted == {"ledger.read": "reads"}
    assert decision.refused == {}


@pytest.mark.parametrize(
    "changed",
    [
        {"client": "robot"},
        {"resource": "wiki", "scopes": ("wiki.read",)},
        {"groups": known("corp:sales")},
        {"groups": known()},
        {"groups": UNKNOWN},
        {"groups": known("guest:eng")},
        {"now": NOW + 10},
    ],
)
@pytest.mark.hostile("X12", "X13")
def test_a_rule_that_one_fact_misses_grants_nothing(changed: dict[str, Any]) -> None:
    reads = rule("reads", subjects={"groups": ["corp:eng"]}, expires="2026-11-21T20:00:05Z")
    assert decide_grant(grant_rules(reads), asking()).granted == {"ledger.read": "reads"}
    decision = decide_grant(grant_rules(reads), asking(**changed))
    assert decision.granted == {}
    assert set(decision.refused.values()) == {NO_RULE}


@pytest.mark.hostile("X26")
@pytest.mark.parametrize(
    "group",
    ["corp:Admins", "corp:admins ", " corp:admins", "corp:admins\u0000x", "corp:\uff41dmins", "corp:admin\u017f", "admins",
     "CORP:admins", "corp:corp:admins", "guest:admins", "corp:admins\u200b"],
)  # fmt: skip
def test_a_group_that_only_looks_alike_is_no_member(group: str) -> None:
    rules = grant_rules(rule("admins", subjects={"groups": ["corp:admins"]}))
    assert decide_grant(rules, asking(groups=known(group))).granted == {}


@pytest.mark.req("A-42", "A-15")
@pytest.mark.hostile("X14")
def test_the_granted_subset_comes_with_a_rule_for_each_scope_and_a_reason_for_each_other() -> None:
    rules = grant_rules(
        rule("b-reads", scopes=["ledger.read"]),
        rule("a-everything", subjects={"groups": ["corp:boss"]}, scopes=["ledger.*"]),
        rule("no-writes", "deny", subjects={"roles": ["corp:temp"]}, scopes=["ledger.write"]),
    )
    asked = ("ledger.write", "ledger.read", "ledger.admin")
    decision = decide_grant(rules, asking(scopes=asked, roles=known("corp:temp")))
    assert decision.granted == {"ledger.read": "b-reads"}
    assert decision.refused == {
        "ledger.write": (ScopeRefusal.DENY_RULE, "no-writes"),
        "ledger.admin": (ScopeRefusal.UNKNOWN_SCOPE, None),
    }


def test_of_several_rules_the_one_with_the_smallest_id_is_named() -> None:
    rules = grant_rules(
        rule("zeta"), rule("beta", "deny", subjects={"users": ["corp:u-2"]}), rule("eta"), rule("iota", clients=["*"])
    )
    assert decide_grant(rules, asking()).granted == {"ledger.read": "eta"}
    denies = grant_rules(rule("d2", "deny"), rule("d1", "deny", clients=["*"]), rule("a"))
    assert decide_grant(denies, asking()).refused == {"ledger.read": (ScopeRefusal.DENY_RULE, "d1")}


def test_a_deny_wins_over_any_number_of_allows() -> None:
    rules = grant_rules(rule("one"), rule("two", clients=["*"]), rule("out", "deny", subjects={"users": ["corp:u-1"]}))
    decision = decide_grant(rules, asking())
    assert decision.granted == {}
    assert decision.refused == {"ledger.read": (ScopeRefusal.DENY_RULE, "out")}
    assert decide_grant(rules, asking(users=known("corp:u-2"))).granted == {"ledger.read": "one"}


@pytest.mark.parametrize("key", ["users", "groups", "roles"])
@pytest.mark.parametrize("wide", [False, True])
def test_unknown_satisfies_a_deny_and_no_allow(key: str, wide: bool) -> None:
    reach = {"clients": ["*"], "resources": ["*"]} if wide else {}
    subjects = {key: ["corp:x"]}
    unknown = asking(**{key: UNKNOWN})
    assert decide_grant(grant_rules(rule("allow", subjects=subjects, **reach)), unknown).granted == {}
    deny = grant_rules(rule("allow"), rule("deny", "deny", subjects=subjects, **reach))
    assert decide_grant(deny, unknown).refused == {"ledger.read": (ScopeRefusal.DENY_RULE, "deny")}
    assert decide_grant(deny, asking(**{key: known("corp:y")})).granted == {"ledger.read": "allow"}


def test_a_claim_of_another_provider_is_not_the_claim() -> None:
    """A partner that sends `department: finance` is not our finance department."""
    rules = grant_rules(rule("finance", subjects={"claims": {"corp:department": ["finance"]}}))
    assert decide_grant(rules, asking()).granted
    assert not decide_grant(rules, asking(identity_provider="guest")).granted
    assert not decide_grant(rules, asking(claims={})).granted
    assert not decide_grant(rules, asking(claims={"department": known("sales")})).granted
    deny = grant_rules(rule("a"), rule("d", "deny", subjects={"claims": {"corp:department": ["finance"]}}))
    assert not decide_grant(deny, asking(claims={})).granted
    assert decide_grant(deny, asking(claims={}, identity_provider="guest")).granted


def test_a_shadow_rule_decides_nothing_and_tells_what_it_would_do() -> None:
    rules = grant_rules(
        rule("live"),
        rule("would-deny", "deny", shadow=True),
        rule("would-allow", scopes=["ledger.write"], shadow=True),
        rule("not-about-this", scopes=["ledger.read"], subjects={"groups": ["corp:boss"]}, shadow=True),
    )
    decision = decide_grant(rules, asking(scopes=("ledger.read", "ledger.write")))
    assert decision.granted == {"ledger.read": "live"}
    assert decision.refused == {"ledger.write": NO_RULE}
    assert decision.shadow == {"would-allow": "allow", "would-deny": "deny"}
    assert all(not miss.rule.startswith("would") for miss in decision.near_misses)


def test_an_expired_deny_denies_no_longer_and_at_its_moment_it_is_over() -> None:
    rules = grant_rules(rule("a"), rule("d", "deny", expires="2026-11-21T20:00:00Z"))
    assert not decide_grant(rules, asking(now=NOW - 1)).granted
    assert decide_grant(rules, asking(now=NOW)).granted


def test_a_resource_that_nobody_registered_has_no_scopes() -> None:
    rules = grant_rules(rule("all", resources=["*"], scopes=["*"], clients=["*"]))
    decision = decide_grant(rules, asking(resource="elsewhere"))
    assert decision.refused == {"ledger.read": (ScopeRefusal.UNKNOWN_SCOPE, None)}


@pytest.mark.req("B-09", "B-27")
def test_a_redemption_rule_is_a_ceiling_per_issuer() -> None:
    rules = redemption_rules(
        redemption("home", scopes=["ledger.*"]), redemption("partner", issuers=["partner"], scopes=["ledger.read"])
    )
    asked = ("ledger.read", "ledger.write")
    assert dict(decide_redemption(rules, redeeming(scopes=asked)).granted) == dict.fromkeys(asked, "home")
    decision = decide_redemption(rules, redeeming(issuer="partner", scopes=asked))
    assert decision.granted == {"ledger.read": "partner"}
    assert decision.refused == {"ledger.write": NO_RULE}
    assert not decide_redemption(rules, redeeming(client="robot")).granted


def test_redemption_rules_read_tenant_and_acr() -> None:
    rules = redemption_rules(redemption("r", require={"tenants": ["t-1"], "acr": ["mfa", "hwk"]}))
    from_t1 = redeeming(tenant="t-1", sign_in=asking().sign_in)
    assert not decide_redemption(rules, from_t1).granted
    assert decide_redemption(rules, from_t1).step_up is not None
    strong = type(from_t1.sign_in)(acr="hwk")
    assert decide_redemption(rules, redeeming(tenant="t-1", sign_in=strong)).granted
    assert not decide_redemption(rules, redeeming(tenant="t-2", sign_in=strong)).granted
    assert not decide_redemption(rules, redeeming(tenant=None, sign_in=strong)).granted
    deny = redemption_rules(redemption("a"), redemption("d", "deny", issuers=["*"], require={"tenants": ["t-2"]}))
    assert not decide_redemption(deny, redeeming()).granted
    assert decide_redemption(deny, redeeming(tenant="t-1")).granted
