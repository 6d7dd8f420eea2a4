"""The rules that came closest, and what an explanation must not show."""

from __future__ import annotations

from typing import Any

import pytest

from grantd_server.model.bundle.rules import UNKNOWN, NearMiss, SignIn
from grantd_server.policy import decide_grant, decide_redemption, near_misses
from policy_world import NOW, asking, grant_rules, known, redeeming, redemption, redemption_rules, rule


def miss(rule_text: dict[str, Any], **changed: Any) -> NearMiss:
    """The only near miss of one rule."""
    (found,) = decide_grant(grant_rules(rule_text), asking(**changed)).near_misses
    return found


@pytest.mark.parametrize(
    ("changed", "asked", "clause", "expected", "got"),
    [
        ({"clients": ["robot", "agent-*"]}, {}, "clients", "robot, agent-*", "desk"),
        ({"subjects": {"groups": ["corp:fin"]}}, {}, "subjects.groups", "corp:fin", "corp:eng"),
        ({"subjects": {"groups": ["corp:fin", "corp:a"]}}, {}, "subjects.groups", "one of corp:a, corp:fin", "corp:eng"),
        ({"subjects": {"groups": ["corp:fin"]}}, {"groups": UNKNOWN}, "subjects.groups", "corp:fin", "unknown"),
        ({"subjects": {"groups": ["corp:fin"]}}, {"groups": known()}, "subjects.groups", "corp:fin", "none"),
        ({"subjects": {"roles": ["corp:fin"]}}, {}, "subjects.roles", "corp:fin", "unknown"),
        ({"subjects": {"users": ["corp:u-2"]}}, {}, "subjects.users", "one of 1 named users", "another user"),
        ({"subjects": {"users": ["corp:u-2"]}}, {"users": UNKNOWN}, "subjects.users", "one of 1 named users", "unknown"),
        ({"subjects": {"claims": {"corp:department": ["hr"]}}}, {}, "subjects.claims.corp:department", "hr", "another value"),
        ({"subjects": {"claims": {"corp:department": ["hr"]}}}, {"claims": {"department": known()}},
         "subjects.claims.corp:department", "hr", "none"),
        ({"subjects": {"claims": {"corp:department": ["hr"]}}}, {"claims": {}}, "subjects.claims.corp:department", "hr", "unknown"),
        ({"subjects": {"claims": {"guest:department": ["finance"]}}}, {}, "subjects.claims.guest:department", "finance", "a user of corp"),
        ({"scopes": ["ledger.w*"]}, {}, "scopes", "ledger.w*", "ledger.read"),
        ({"expires": "2026-11-21T19:00:00Z"}, {}, "expires", f"a time before {NOW - 3600}", str(NOW)),
        ({"require": {"acr": ["mfa"]}}, {}, "require.acr", "mfa", "pwd"),
        ({"require": {"acr": ["mfa"]}}, {"sign_in": SignIn()}, "require.acr", "mfa", "unknown"),
        ({"require": {"amr": ["otp"]}}, {}, "require.amr", "otp", "pwd"),
        ({"require": {"amr": ["otp"]}}, {"sign_in": SignIn()}, "require.amr", "otp", "unknown"),
        ({"require": {"max_auth_age": "1m"}}, {}, "require.max_auth_age", "a sign-in at most 60 s ago", "3600 s ago"),
        ({"require": {"max_auth_age": "1m"}}, {"sign_in": SignIn()}, "require.max_auth_age", "a sign-in at most 60 s ago", "unknown"),
        ({"require": {"network": ["10.0.0.0/8"]}}, {}, "require.network", "10.0.0.0/8", "192.0.2.7"),
        ({"require": {"network": ["10.0.0.0/8"]}}, {"address": None}, "require.network", "10.0.0.0/8", "unknown"),
        ({"require": {"time": {"days": ["mon", "fri"], "from": "08:00", "to": "18:30", "timezone": "UTC"}}}, {},
         "require.time", "mon fri 08:00-18:30 UTC", "sat 20:00 UTC"),
    ],
)  # fmt: skip
def test_a_near_miss_names_the_clause_and_both_sides(
    changed: dict[str, Any], asked: dict[str, Any], clause: str, expected: str, got: str
) -> None:
    found = miss(rule("close", **changed), **asked)
    assert (found.rule, found.clause, found.expected, found.got) == ("close", clause, expected, got)


@pytest.mark.parametrize(
    ("changed", "asked", "clause", "expected", "got"),
    [
        ({"issuers": ["partner"]}, {}, "issuers", "partner", "home"),
        ({"issuers": ["*"]}, {"issuer": "stranger"}, "issuers", "one of home, partner", "stranger"),
        ({"require": {"tenants": ["t-1"]}}, {}, "require.tenants", "t-1", "unknown"),
        ({"require": {"tenants": ["t-1"]}}, {"tenant": "t-2"}, "require.tenants", "t-1", "t-2"),
    ],
)
def test_a_near_miss_of_a_redemption(
    changed: dict[str, Any], asked: dict[str, Any], clause: str, expected: str, got: str
) -> None:
    (found,) = decide_redemption(redemption_rules(redemption("close", **changed)), redeeming(**asked)).near_misses
    assert (found.clause, found.expected, found.got) == (clause, expected, got)


def test_the_three_that_held_most_come_first() -> None:
    far = rule("far", clients=["robot"], subjects={"groups": ["corp:fin"]}, require={"acr": ["mfa"]})
    rules = grant_rules(
        far,
        rule("b-one-of-five", require={"acr": ["mfa"]}),
        rule("a-one-of-five", subjects={"groups": ["corp:fin"]}),
        rule("two-of-six", subjects={"groups": ["corp:fin"]}, require={"acr": ["mfa"]}),
        rule("one-of-six", subjects={"groups": ["corp:eng"]}, require={"acr": ["mfa"]}),
        rule("other-resource", resources=["wiki"], scopes=["wiki.read"]),
    )
    found = decide_grant(rules, asking()).near_misses
    assert [(one.rule, one.passed) for one in found] == [("one-of-six", 5), ("a-one-of-five", 4), ("b-one-of-five", 4)]


def test_nothing_is_near_where_everything_is_granted_or_denied() -> None:
    rules = grant_rules(rule("a"), rule("b", subjects={"groups": ["corp:fin"]}))
    assert decide_grant(rules, asking()).near_misses == ()
    denied = grant_rules(rule("a"), rule("d", "deny"), rule("b", subjects={"groups": ["corp:fin"]}))
    assert decide_grant(denied, asking()).near_misses == ()


def test_an_explanation_shows_few_and_short_names() -> None:
    groups = known(*(f"corp:{n:03d}-{'x' * 200}" for n in range(100)))
    found = miss(rule("close", subjects={"groups": ["corp:fin"]}), groups=groups)
    assert found.got.endswith(", 92 more")
    assert len(found.got) < 800


def test_a_refusal_examines_a_bounded_number_of_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [rule(f"r-{n}", clients=["*"], resources=["*"], subjects={"groups": [f"corp:g{n}"]}) for n in range(300)]
    rules = grant_rules(*many, rule("mine", subjects={"groups": ["corp:eng"]}, require={"acr": ["mfa"]}))
    examined: list[str] = []
    rank = near_misses._rank
    monkeypatch.setattr(near_misses, "_rank", lambda one, *rest: examined.append(one.id) or rank(one, *rest))
    found = decide_grant(rules, asking()).near_misses
    assert len(examined) <= near_misses.MOST_EXAMINED
    assert found[0].rule == "mine"
