"""What an explanation of policy must not mix up: unknown and none, this resource and others."""

from __future__ import annotations

import pytest

from grantd_server.model.bundle.rules import UNKNOWN, SignIn
from grantd_server.policy import decide_grant
from policy_world import NOW, RESOURCES, asking, grant_rules, rule

OTHERS = [name for name in RESOURCES if name != "ledger"]
"""So many that the index files such a rule under every resource."""


def test_a_claim_that_came_and_was_not_understood_is_explained_as_unknown() -> None:
    rules = grant_rules(rule("close", subjects={"claims": {"corp:department": ["hr"]}}))

    (miss,) = decide_grant(rules, asking(claims={"department": UNKNOWN})).near_misses

    assert (miss.clause, miss.got) == ("subjects.claims.corp:department", "unknown")


@pytest.mark.parametrize(
    "changed",
    [
        {"expires": "2026-11-21T19:00:00Z"},
        {"scopes": ["ledger.write"]},
        {"subjects": {"groups": ["corp:nobody-is-here"]}},
        {"resources": OTHERS, "scopes": ["*"]},
        {"clients": ["robot", *(f"agent-{n}" for n in range(8))]},
    ],
)
def test_a_shadow_rule_that_is_not_about_the_attempt_tells_nothing(changed: dict[str, object]) -> None:
    rules = grant_rules(rule("would-deny", "deny", shadow=True, **changed))

    assert decide_grant(rules, asking(now=NOW)).shadow == {}


def test_a_rule_about_other_resources_is_no_near_miss() -> None:
    rules = grant_rules(rule("elsewhere", resources=OTHERS, scopes=["*"]))

    assert decide_grant(rules, asking()).near_misses == ()


@pytest.mark.req("A-42", "G-22")
def test_a_rule_over_many_resources_grants_nothing_at_another_that_has_the_same_scope() -> None:
    others = [name for name in RESOURCES if name != "wiki"]
    rules = grant_rules(rule("elsewhere", resources=others, scopes=["*"]))

    assert decide_grant(rules, asking(resource=others[-1], scopes=("shared.read",))).granted
    assert decide_grant(rules, asking(resource="wiki", scopes=("shared.read",))).granted == {}


@pytest.mark.req("A-41")
@pytest.mark.parametrize("clause", [{"amr": ["sms"]}, {"acr": ["weak"]}, {"max_auth_age": "1m"}])
def test_a_deny_holds_for_a_sign_in_of_which_nothing_is_known(clause: dict[str, object]) -> None:
    rules = grant_rules(rule("allow"), rule("deny", "deny", require=clause))

    assert decide_grant(rules, asking(sign_in=SignIn())).granted == {}
