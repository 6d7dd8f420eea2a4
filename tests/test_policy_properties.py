"""What must hold for any rules: order, unknowns, denies, shadows, step-up."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grantd_server.model.bundle.rules import UNKNOWN, GrantInputs, ScopeRefusal, SignIn
from grantd_server.policy import decide_grant, decide_redemption
from policy_rules import AMRS, attempts, redemption_attempts, redemption_texts, rule_texts
from policy_world import grant_rules, redemption_rules

RULES = st.lists(rule_texts(), max_size=6, unique_by=lambda one: one["id"])
HIDDEN = {
    "users": {"users": UNKNOWN},
    "groups": {"groups": UNKNOWN},
    "roles": {"roles": UNKNOWN},
    "claims": {"claims": {"department": UNKNOWN}},
    "address": {"address": None},
}
few = settings(max_examples=100, deadline=None)


def hide(inputs: GrantInputs, names: set[str]) -> GrantInputs:
    """The same attempt with some attributes unknown."""
    for name in names & HIDDEN.keys():
        inputs = replace(inputs, **HIDDEN[name])
    lost = {name: None for name in ("acr", "amr", "auth_time") if name in names}
    return replace(inputs, sign_in=replace(inputs.sign_in, **lost))


@few
@given(RULES, attempts(), st.sets(st.sampled_from([*HIDDEN, "acr", "amr", "auth_time"]), min_size=1))
def test_making_any_attribute_unknown_never_widens_a_grant(
    texts: list[dict[str, Any]], inputs: GrantInputs, names: set[str]
) -> None:
    rules = grant_rules(*texts)
    known = decide_grant(rules, inputs)
    unknown = decide_grant(rules, hide(inputs, names))
    assert unknown.granted.keys() <= known.granted.keys()


@few
@given(st.lists(redemption_texts(), max_size=5, unique_by=lambda one: one["id"]), redemption_attempts(), st.booleans())
def test_making_tenant_or_acr_unknown_never_widens_a_redemption(
    texts: list[dict[str, Any]], inputs: Any, tenant: bool
) -> None:
    rules = redemption_rules(*texts)
    hidden = replace(inputs, tenant=None) if tenant else replace(inputs, sign_in=SignIn())
    assert decide_redemption(rules, hidden).granted.keys() <= decide_redemption(rules, inputs).granted.keys()


@few
@given(RULES, attempts(), st.randoms(use_true_random=False))
def test_the_order_of_rules_never_matters(
    texts: list[dict[str, Any]], inputs: GrantInputs, chance: random.Random
) -> None:
    shuffled = list(texts)
    chance.shuffle(shuffled)
    assert decide_grant(grant_rules(*shuffled), inputs) == decide_grant(grant_rules(*texts), inputs)


@few
@given(RULES, rule_texts(effects=("deny",)), attempts())
def test_adding_a_deny_never_widens(texts: list[dict[str, Any]], deny: dict[str, Any], inputs: GrantInputs) -> None:
    assume(deny["id"] not in {text["id"] for text in texts})
    before = decide_grant(grant_rules(*texts), inputs)
    after = decide_grant(grant_rules(*texts, deny), inputs)
    assert after.granted.items() <= before.granted.items()


@few
@given(RULES, rule_texts(shadow=True), attempts())
def test_a_shadow_rule_changes_nothing_but_what_it_tells(
    texts: list[dict[str, Any]], shadow: dict[str, Any], inputs: GrantInputs
) -> None:
    assume(shadow["id"] not in {text["id"] for text in texts})
    before = decide_grant(grant_rules(*texts), inputs)
    after = decide_grant(grant_rules(*texts, shadow), inputs)
    assert replace(after, shadow={}) == replace(before, shadow={})
    assert after.shadow.items() >= before.shadow.items()
    alone = decide_grant(grant_rules({**shadow, "shadow": False}), inputs)
    told = after.shadow.get(shadow["id"])
    acted = bool(alone.granted) or any(why is ScopeRefusal.DENY_RULE for why, _ in alone.refused.values())
    assert told == (shadow["effect"] if acted else None)


@few
@given(RULES, attempts())
def test_every_asked_scope_is_answered_once(texts: list[dict[str, Any]], inputs: GrantInputs) -> None:
    decision = decide_grant(grant_rules(*texts), inputs)
    assert decision.granted.keys() | decision.refused.keys() == set(inputs.scopes)
    assert not decision.granted.keys() & decision.refused.keys()
    assert (decision.step_up is not None) == ((ScopeRefusal.STEP_UP, None) in decision.refused.values())


@pytest.mark.req("A-46")
@few
@given(
    st.lists(
        st.one_of(rule_texts(effects=("allow",)), rule_texts(effects=("allow",), subjects="everyone", clients=["*"])),
        max_size=5,
        unique_by=lambda one: one["id"],
    ),
    st.lists(rule_texts(effects=("deny",), require=None), max_size=1),
    attempts(),
)
def test_step_up_is_asked_exactly_where_a_perfect_sign_in_would_help(
    allows: list[dict[str, Any]], denies: list[dict[str, Any]], inputs: GrantInputs
) -> None:
    """Denies that read the sign-in are left out: a better one could meet them anew."""
    assume(not {text["id"] for text in allows} & {text["id"] for text in denies})
    rules = grant_rules(*allows, *denies)
    refused = decide_grant(rules, inputs).refused
    helped: set[str] = set()
    for acr in ("pwd", "mfa"):
        perfect = replace(inputs, sign_in=SignIn(acr=acr, amr=tuple(AMRS), auth_time=inputs.now))
        helped |= decide_grant(rules, perfect).granted.keys()
    for scope, (why, _) in refused.items():
        assert (why is ScopeRefusal.STEP_UP) == (scope in helped)
