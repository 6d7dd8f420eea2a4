"""A recorded input decides as the input did, and keeps no subject."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grantd_server.policy import decide_grant, decide_redemption, inputs_from_json, inputs_to_json, names_in
from policy_rules import attempts, redemption_attempts, redemption_texts, rule_texts
from policy_world import asking, grant_rules, known, redeeming, redemption_rules, rule


def pseudonym(name: str) -> str:
    return hmac.new(b"a key of the test", name.encode(), hashlib.sha256).hexdigest()


@settings(max_examples=60, deadline=None)
@given(st.lists(rule_texts(), max_size=5, unique_by=lambda one: one["id"]), attempts())
def test_a_replay_decides_the_same(texts: list[dict[str, Any]], inputs: Any) -> None:
    rules = grant_rules(*texts)
    plain = json.loads(json.dumps(inputs_to_json(inputs)))
    assert inputs_from_json(plain) == inputs
    hidden = json.loads(json.dumps(inputs_to_json(inputs, pseudonym)))
    replayed = inputs_from_json(hidden, names_in(rules, pseudonym))
    assert decide_grant(rules, replayed) == decide_grant(rules, inputs)


@settings(max_examples=40, deadline=None)
@given(st.lists(redemption_texts(), max_size=4, unique_by=lambda one: one["id"]), redemption_attempts())
def test_a_replayed_redemption_decides_the_same(texts: list[dict[str, Any]], inputs: Any) -> None:
    rules = redemption_rules(*texts)
    replayed = inputs_from_json(json.loads(json.dumps(inputs_to_json(inputs))))
    assert replayed == inputs
    assert decide_redemption(rules, replayed) == decide_redemption(rules, inputs)


def test_a_record_holds_pseudonyms_of_people_and_of_what_describes_them() -> None:
    inputs = asking(users=known("corp:u-1", "corp:mailto:ada@corp.example"), claims={"department": known("finance")})
    text = json.dumps(inputs_to_json(inputs, pseudonym))
    for secret in ("u-1", "ada", "finance"):
        assert secret not in text
    assert "corp:eng" in text


def test_only_names_of_rules_come_back() -> None:
    rules = grant_rules(rule("a", subjects={"users": ["corp:u-1"]}))
    names = names_in(rules, pseudonym)
    assert names == {pseudonym("corp:u-1"): "corp:u-1"}
    hidden = inputs_to_json(asking(users=known("corp:u-2")), pseudonym)
    replayed = inputs_from_json(hidden, names)
    assert not decide_grant(rules, replayed).granted


@pytest.mark.parametrize(
    "change",
    [{"v": 2}, {"leg": 3}, {"scopes": None}, {"users": "corp:u-1"}, {"groups": {"state": "maybe", "values": []}}],
)
def test_another_format_is_no_recorded_input(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        inputs_from_json({**inputs_to_json(asking()), **change})
    with pytest.raises(ValueError):
        inputs_from_json({})


def test_the_format_of_a_recorded_redemption() -> None:
    assert inputs_to_json(redeeming()) == {
        "v": 1, "leg": 2, "issuer": "home", "client": "desk", "resource": "ledger", "scopes": ["ledger.read"],
        "acr": "pwd", "amr": None, "auth_time": None, "tenant": None, "now": redeeming().now,
    }  # fmt: skip
