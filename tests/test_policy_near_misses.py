"""The rules that came closest, and what an explanation must not show."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from grantd_server.model.bundle.rules import UNKNOWN, NearMiss, ScopeRefusal, SignIn
from grantd_server.model.bundle.scopes import ScopeSignIn
from grantd_server.policy import decide_grant, decide_redemption, near_misses
from grantd_server.policy.clauses.scope_sign_ins import demands_of
from grantd_server.policy.clauses.sign_in import Acr
from grantd_server.policy.rules import RuleSet
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
        ({"expires": "2026-11-21T19:00:00Z"}, {}, "expires", f"a time before {NOW - 3600}", f"now {NOW}"),
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


def ranked(*rules_text: dict[str, Any], **asked: Any) -> list[str]:
    """The ids of the near misses, nearest first, whatever the order of the rules."""
    found = decide_grant(grant_rules(*rules_text), asking(**asked)).near_misses
    assert decide_grant(grant_rules(*reversed(rules_text)), asking(**asked)).near_misses == found
    return [one.rule for one in found]


def test_the_three_that_lack_least_come_first() -> None:
    far = rule("a-far", clients=["robot"], subjects={"groups": ["corp:fin"]}, require={"acr": ["mfa"]})
    long = {"groups": ["corp:eng"]}, {"acr": ["mfa"], "amr": ["otp"], "max_auth_age": "1d", "network": ["192.0.2.0/24"]}
    rules = (
        far,
        rule("d-one", subjects={"groups": ["corp:fin"]}),
        rule("c-two-of-many", subjects=long[0], require=long[1]),
        rule("b-two", subjects={"groups": ["corp:fin"]}, require={"acr": ["mfa"]}),
        rule("other-resource", resources=["wiki"], scopes=["wiki.read"]),
    )
    assert ranked(*rules) == ["d-one", "c-two-of-many", "b-two"]
    found = decide_grant(grant_rules(*rules), asking()).near_misses
    assert [one.failed for one in found] == [1, 2, 2]


NEARER = [
    # Whom it touches when the rule is made to hold: the asker, this person, all of the rule, others.
    ({"require": {"acr": ["mfa"]}}, {"subjects": {"groups": ["corp:fin"]}}),
    ({"require": {"amr": ["otp"]}}, {"subjects": {"groups": ["corp:fin"]}}),
    ({"require": {"max_auth_age": "1m"}}, {"subjects": {"groups": ["corp:fin"]}}),
    ({"require": {"network": ["10.0.0.0/8"]}}, {"subjects": {"groups": ["corp:fin"]}}),
    ({"require": {"time": {"days": ["mon"], "from": "08:00", "to": "09:00", "timezone": "UTC"}}}, {"subjects": {"groups": ["corp:fin"]}}),
    ({"subjects": {"groups": ["corp:fin"]}}, {"scopes": ["ledger.write"]}),
    ({"subjects": {"roles": ["corp:fin"]}}, {"scopes": ["ledger.write"]}),
    ({"subjects": {"users": ["corp:u-2"]}}, {"scopes": ["ledger.write"]}),
    ({"subjects": {"claims": {"corp:department": ["hr"]}}}, {"scopes": ["ledger.write"]}),
    ({"subjects": {"groups": ["corp:fin"]}}, {"expires": "2026-11-21T19:00:00Z"}),
    ({"scopes": ["ledger.write"]}, {"clients": ["robot"]}),
    ({"expires": "2026-11-21T19:00:00Z"}, {"clients": ["robot"]}),
    ({"scopes": ["ledger.write"]}, {"require": {"tenants": ["t-1"]}}),
    # Among equals: what grants more of what was refused, less beyond it, and by name.
    ({"subjects": {"groups": ["corp:fin"]}, "scopes": ["ledger.read", "ledger.write"]}, {"subjects": {"groups": ["corp:fin"]}, "scopes": ["ledger.read"]}),
    ({"subjects": {"groups": ["corp:fin"]}, "scopes": ["ledger.read", "ledger.write"]}, {"subjects": {"groups": ["corp:fin"]}, "scopes": ["ledger.*", "shared.read"]}),
    ({"subjects": {"groups": ["corp:fin"]}, "clients": ["desk"]}, {"subjects": {"groups": ["corp:fin"]}, "clients": ["*"]}),
    ({"subjects": {"groups": ["corp:fin"]}, "resources": ["ledger"]}, {"subjects": {"groups": ["corp:fin"]}, "resources": ["ledg*"]}),
    ({"subjects": {"groups": ["corp:fin"]}, "scopes": ["ledger.read", "ledger.write"]}, {"subjects": {"groups": ["corp:fin"]}, "scopes": ["ledger.*"]}),
]  # fmt: skip


@pytest.mark.parametrize(("nearer", "farther"), NEARER)
def test_of_rules_that_lack_as_much_that_comes_first_which_opens_least(
    nearer: dict[str, Any], farther: dict[str, Any]
) -> None:
    found = ranked(rule("z", **nearer), rule("a", **farther), scopes=("ledger.read", "ledger.write"))
    assert found == ["z", "a"]


def test_of_rules_that_are_alike_the_smallest_id_comes_first() -> None:
    others = {"subjects": {"groups": ["corp:fin"]}}
    assert ranked(*(rule(name, **others) for name in "dbca")) == ["a", "b", "c"]


def test_a_rule_of_this_issuer_is_nearer_than_one_of_another() -> None:
    rules = redemption_rules(
        redemption("a", issuers=["partner"]), redemption("z", issuers=["home"], scopes=["ledger.write"])
    )
    found = decide_redemption(rules, redeeming(scopes=("ledger.read",))).near_misses
    assert [(one.rule, one.clause) for one in found] == [("z", "scopes"), ("a", "issuers")]


def test_the_rule_that_lacks_only_what_its_scope_demands_is_told() -> None:
    rules = grant_rules(rule("all", scopes=["ledger.*"]), rule("fin", subjects={"groups": ["corp:fin"]}))
    rules = replace(rules, demands={"ledger": demands_of({"ledger.read": ScopeSignIn(acr=("phr",))})})
    decision = decide_grant(rules, asking(scopes=("ledger.read", "ledger.write")))
    assert decision.granted == {"ledger.write": "all"}
    assert [(one.rule, one.clause, one.expected, one.failed) for one in decision.near_misses] == [
        ("all", "sign_in.acr", "phr", 1), ("fin", "subjects.groups", "corp:fin", 2),
    ]  # fmt: skip


def test_of_what_scopes_demand_that_is_told_which_is_lacked_least() -> None:
    rules = grant_rules(rule("all", scopes=["ledger.*"]))
    demanded = {"ledger.read": ScopeSignIn(acr=("phr",)), "ledger.write": ScopeSignIn(acr=("phr",), max_auth_age=60)}
    rules = replace(rules, demands={"ledger": demands_of(demanded)})
    (found,) = decide_grant(rules, asking(scopes=("ledger.read", "ledger.write"))).near_misses
    assert (found.clause, found.failed) == ("sign_in.acr", 1)


def test_a_rule_about_others_is_held_to_what_its_scope_demands_as_well() -> None:
    rules = grant_rules(rule("robots", clients=["robot"]))
    rules = replace(rules, demands={"ledger": demands_of({"ledger.read": ScopeSignIn(acr=("phr",))})})
    (found,) = decide_grant(rules, asking()).near_misses
    assert (found.clause, found.failed) == ("clients", 2)


PHR_AND_FRESH = demands_of({"ledger.write": ScopeSignIn(acr=("phr",), max_auth_age=60)})


@pytest.mark.parametrize("scopes", [["ledger.write"], ["ledger.*"]])
@pytest.mark.parametrize("asked", [("ledger.write",), ("ledger.read", "ledger.write")])
def test_what_a_scope_demands_is_told_and_never_that_the_rule_lacks_the_scope(
    scopes: list[str], asked: tuple[str, ...]
) -> None:
    rules = grant_rules(rule("eng", subjects={"groups": ["corp:eng"]}, scopes=scopes), rule("reads"))
    decision = decide_grant(replace(rules, demands={"ledger": PHR_AND_FRESH}), asking(scopes=asked))
    assert decision.refused == {"ledger.write": (ScopeRefusal.STEP_UP, None)}
    (found,) = (one for one in decision.near_misses if one.rule == "eng")
    assert (found.clause, found.expected, found.got, found.failed) == ("sign_in.acr", "phr", "pwd", 2)


def test_of_two_demands_that_is_told_which_does_not_hold() -> None:
    rules = replace(grant_rules(rule("eng", scopes=["ledger.*"])), demands={"ledger": PHR_AND_FRESH})
    strong = SignIn(acr="phr", auth_time=NOW - 3600)
    (found,) = decide_grant(rules, asking(scopes=("ledger.write",), sign_in=strong)).near_misses
    assert (found.clause, found.got, found.failed) == ("sign_in.max_auth_age", "3600 s ago", 1)


def test_what_a_scope_demands_is_told_of_the_rules_that_have_that_scope() -> None:
    rules = grant_rules(rule("reads"), rule("writes", scopes=["ledger.write"]))
    demanded = {"ledger.read": ScopeSignIn(acr=("mfa",)), "ledger.write": ScopeSignIn(acr=("phr",), max_auth_age=60)}
    rules = replace(rules, demands={"ledger": demands_of(demanded)})
    found = decide_grant(rules, asking(scopes=("ledger.read", "ledger.write"))).near_misses
    assert [(one.rule, one.expected, one.failed) for one in found] == [("reads", "mfa", 1), ("writes", "phr", 2)]


def test_a_rule_of_another_scope_lacks_the_scope_and_nothing_that_the_scope_demands() -> None:
    rules = replace(grant_rules(rule("reads")), demands={"ledger": PHR_AND_FRESH})
    (found,) = decide_grant(rules, asking(scopes=("ledger.write",))).near_misses
    assert (found.clause, found.expected, found.got, found.failed) == ("scopes", "ledger.read", "ledger.write", 1)


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
    near = near_misses.nearness
    monkeypatch.setattr(near_misses, "nearness", lambda one, *rest: examined.append(one.id) or near(one, *rest))
    found = decide_grant(rules, asking()).near_misses
    assert len(examined) <= near_misses.MOST_EXAMINED
    assert found[0].rule == "mine"


@pytest.mark.parametrize("mine", [[], ["corp:eng"]])
def test_scopes_that_demand_something_and_were_not_asked_make_no_work(
    mine: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scopes = frozenset(f"s-{n}" for n in range(100))
    others = grant_rules(*(rule(f"r-{n}", subjects={"groups": [f"corp:g{n}", *mine]}) for n in range(20)))
    written = [
        replace(one, scopes=scopes)
        for one in others.allows.find("ledger", "desk", [f"groups:corp:g{n}" for n in range(20)])
    ]
    demands = {"ledger": demands_of(dict.fromkeys(scopes, ScopeSignIn(acr=("phr",))))}
    rules = replace(RuleSet.of("home", {"ledger": scopes}, written), demands=demands)
    asked: list[object] = []
    holds = Acr.holds
    monkeypatch.setattr(Acr, "holds", lambda one, inputs: asked.append(one) or holds(one, inputs))
    found = decide_grant(rules, asking(scopes=("s-7",))).near_misses
    assert len(found) == near_misses.MOST_SHOWN
    assert len(asked) <= 2 * len(written) + 1
