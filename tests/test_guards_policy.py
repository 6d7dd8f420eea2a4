"""What an explanation of policy must not mix up: unknown and none, this resource and others."""

from __future__ import annotations

import pytest

from grantd_server.model.rules import UNKNOWN
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
