"""When a better sign-in would help, and only then (A-45, A-46)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from grantd_server.model.bundle.rules import ScopeRefusal, SignIn, StepUp
from grantd_server.model.bundle.scopes import ScopeSignIn
from grantd_server.policy import decide_grant
from grantd_server.policy.clauses.scope_sign_ins import demands_of
from policy_world import NOW, asking, grant_rules, known, rule

STEP_UP = (ScopeRefusal.STEP_UP, None)
STRONG = {"acr": ["phr", "mfa"], "max_auth_age": "10m"}


@pytest.mark.req("A-43", "A-45", "A-46")
def test_a_sign_in_that_falls_short_is_told_what_would_do() -> None:
    rules = grant_rules(rule("strong", require=STRONG))
    decision = decide_grant(rules, asking())
    assert decision.refused == {"ledger.read": STEP_UP}
    assert decision.step_up == StepUp(acr_values=("phr", "mfa"), max_age=600)
    better = SignIn(acr="mfa", auth_time=NOW - 600)
    assert decide_grant(rules, asking(sign_in=better)).granted == {"ledger.read": "strong"}


@pytest.mark.req("A-45")
@pytest.mark.parametrize(
    ("require", "sign_in", "step_up"),
    [
        ({"acr": ["mfa"]}, SignIn(), StepUp(("mfa",), None)),
        ({"acr": ["mfa"]}, SignIn(acr="MFA"), StepUp(("mfa",), None)),
        ({"max_auth_age": "5m"}, SignIn(auth_time=NOW - 301), StepUp((), 300)),
        ({"max_auth_age": "5m"}, SignIn(), StepUp((), 300)),
        ({"amr": ["otp", "hwk"]}, SignIn(amr=("pwd",)), StepUp((), 0)),
        ({"amr": ["otp"]}, SignIn(amr=None), StepUp((), 0)),
        ({"amr": ["otp"], "acr": ["mfa"]}, SignIn(acr="mfa", amr=()), StepUp(("mfa",), None)),
        ({"acr": ["mfa"], "max_auth_age": "5m"}, SignIn(acr="mfa", auth_time=0), StepUp(("mfa",), 300)),
    ],
)
def test_what_to_ask_of_the_next_sign_in(require: dict[str, Any], sign_in: SignIn, step_up: StepUp) -> None:
    decision = decide_grant(grant_rules(rule("strong", require=require)), asking(sign_in=sign_in))
    assert decision.step_up == step_up
    assert decision.refused == {"ledger.read": STEP_UP}


@pytest.mark.parametrize(
    ("require", "sign_in"),
    [
        ({"acr": ["phr", "mfa"]}, SignIn(acr="mfa")),
        ({"amr": ["otp", "hwk"]}, SignIn(amr=("pwd", "hwk"))),
        ({"max_auth_age": "5m"}, SignIn(auth_time=NOW - 300)),
    ],
)
def test_when_several_are_listed_any_satisfies(require: dict[str, Any], sign_in: SignIn) -> None:
    assert decide_grant(grant_rules(rule("strong", require=require)), asking(sign_in=sign_in)).granted


@pytest.mark.req("A-46")
@pytest.mark.parametrize(
    "changed",
    [
        {"client": "robot"},
        {"groups": known("corp:sales")},
        {"address": "198.51.100.1"},
        {"address": None},
        {"now": NOW + 86400},
    ],
)
def test_a_permanent_reason_beside_the_sign_in_asks_for_no_step_up(changed: dict[str, Any]) -> None:
    window = {"days": ["sat"], "from": "00:00", "to": "24:00", "timezone": "UTC"}
    require = {**STRONG, "network": ["192.0.2.0/24"], "time": window}
    rules = grant_rules(rule("strong", subjects={"groups": ["corp:eng"]}, require=require))
    assert decide_grant(rules, asking()).step_up is not None
    decision = decide_grant(rules, asking(**changed))
    assert decision.step_up is None
    assert decision.refused == {"ledger.read": (ScopeRefusal.NO_RULE, None)}


@pytest.mark.req("A-46")
def test_where_a_deny_matches_no_sign_in_helps() -> None:
    rules = grant_rules(rule("strong", require=STRONG), rule("out", "deny", subjects={"users": ["corp:u-1"]}))
    decision = decide_grant(rules, asking())
    assert decision.step_up is None
    assert decision.refused == {"ledger.read": (ScopeRefusal.DENY_RULE, "out")}


def test_an_expired_rule_asks_for_no_step_up() -> None:
    rules = grant_rules(rule("strong", require=STRONG, expires="2026-11-21T19:00:00Z"))
    assert decide_grant(rules, asking()).step_up is None


@pytest.mark.req("A-46")
def test_where_a_rule_and_the_scope_exclude_each_other_no_sign_in_helps() -> None:
    rules = grant_rules(rule("strong", require={"acr": ["mfa"]}))
    demands = {"ledger": demands_of({"ledger.read": ScopeSignIn(acr=("phr",))})}
    decision = decide_grant(replace(rules, demands=demands), asking())
    assert decision.step_up is None
    assert decision.refused == {"ledger.read": (ScopeRefusal.NO_RULE, None)}


def test_what_is_granted_already_needs_no_step_up() -> None:
    rules = grant_rules(rule("reads"), rule("strong", scopes=["ledger.*"], require=STRONG))
    decision = decide_grant(rules, asking(scopes=("ledger.read", "ledger.write")))
    assert decision.granted == {"ledger.read": "reads"}
    assert decision.refused == {"ledger.write": STEP_UP}


def test_the_rule_that_lacks_least_is_asked_for() -> None:
    rules = grant_rules(
        rule("a-far", require={"acr": ["phr"], "max_auth_age": "1m"}), rule("b-near", require={"max_auth_age": "10m"})
    )
    assert decide_grant(rules, asking()).step_up == StepUp((), 600)
