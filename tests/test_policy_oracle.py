"""Cedar as an independent oracle: the same rules, translated from what the administrator
wrote, must give the same answer scope by scope.

Cedar skips a `forbid` that reads an absent attribute, which fails open. So nothing is
absent here: every attribute has a flag that says it is unknown, and each direction reads
the flag as the design says.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import cedarpy
from hypothesis import given, settings
from hypothesis import strategies as st

from grantd_server.model.bundle.rules import Attribute, Decision, GrantInputs, RedemptionInputs, ScopeRefusal, State
from grantd_server.policy import decide_grant, decide_redemption
from policy_rules import attempts, redemption_attempts, redemption_texts, rule_texts
from policy_world import RESOURCES, grant_rules, redemption_rules

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SECONDS = {"1m": 60, "1h": 3600}


def policy(text: dict[str, Any]) -> str:
    """One rule as a Cedar policy over a context."""
    deny = text["effect"] == "deny"
    conditions = [
        _like("client", text["clients"]),
        _like("resource", text["resources"]),
        _like("scope", text["scopes"]),
    ]
    if "expires" in text:
        conditions.append(f"context.now < {int(datetime.fromisoformat(text['expires']).timestamp())}")
    for flag, condition in _readings(text):
        unknown = f"context.{flag}_unknown"
        conditions.append(f"({unknown} || ({condition}))" if deny else f"(!{unknown} && ({condition}))")
    if "issuers" in text and "*" not in text["issuers"]:
        conditions.append(f"{_set(text['issuers'])}.contains(context.issuer)")
    conditions += _claims(text, deny)
    effect = "forbid" if deny else "permit"
    return f"{effect}(principal, action, resource) when {{ {' && '.join(conditions)} }};"


def _readings(text: dict[str, Any]) -> list[tuple[str, str]]:
    """What a rule reads, each with the flag that says whether it can be read."""
    subjects = text.get("subjects", "everyone")
    require = text.get("require", {})
    found = []
    if isinstance(subjects, dict):
        keys = [key for key in ("users", "groups", "roles") if key in subjects]
        found += [(key, f"context.{key}.containsAny({_set(subjects[key])})") for key in keys]
    if "acr" in require:
        found.append(("acr", f"{_set(require['acr'])}.contains(context.acr)"))
    if "amr" in require:
        found.append(("amr", f"context.amr.containsAny({_set(require['amr'])})"))
    if "max_auth_age" in require:
        found.append(("auth_time", f"context.now - context.auth_time <= {SECONDS[require['max_auth_age']]}"))
    if "network" in require:
        inside = [f'context.address.isInRange(ip("{network}"))' for network in require["network"]]
        found.append(("address", " || ".join(inside)))
    if "tenants" in require:
        found.append(("tenant", f"{_set(require['tenants'])}.contains(context.tenant)"))
    if "time" in require:
        found.append(("time", _window(require["time"])))
    return found


def _claims(text: dict[str, Any], deny: bool) -> list[str]:
    subjects = text.get("subjects", "everyone")
    if not isinstance(subjects, dict):
        return []
    out = []
    for qualified, values in subjects.get("claims", {}).items():
        provider = qualified.split(":")[0]
        holds = f"context.department.containsAny({_set(values)})"
        unknown = "context.department_unknown"
        read = f"({unknown} || {holds})" if deny else f"(!{unknown} && {holds})"
        out.append(f'(context.provider == "{provider}" && {read})')
    return out


def _window(window: dict[str, Any]) -> str:
    since, until = (int(window[key][:2]) * 60 + int(window[key][3:]) for key in ("from", "to"))
    today = f"{_numbers(window['days'])}.contains(context.day)"
    yesterday = f"{_numbers(window['days'])}.contains(context.yesterday)"
    if since < until:
        return f"{today} && context.minute >= {since} && context.minute < {until}"
    return f"({today} && context.minute >= {since}) || ({yesterday} && context.minute < {until})"


def _numbers(days: list[str]) -> str:
    return f"[{', '.join(str(DAYS.index(day)) for day in days)}]"


def _like(name: str, patterns: list[str]) -> str:
    """Cedar's own `like` has the same single wildcard."""
    return f"({' || '.join(f'context.{name} like {json.dumps(pattern)}' for pattern in patterns)})"


def _set(values: list[str]) -> str:
    return json.dumps(values)


def context(inputs: GrantInputs | RedemptionInputs) -> dict[str, Any]:
    """Every attribute, with a placeholder and a flag where it is unknown."""
    moment = datetime.fromtimestamp(inputs.now, UTC)
    sign_in = inputs.sign_in
    found: dict[str, Any] = {
        "client": inputs.client,
        "resource": inputs.resource,
        "now": inputs.now,
        "day": moment.weekday(),
        "yesterday": (moment.weekday() - 1) % 7,
        "minute": moment.hour * 60 + moment.minute,
        "time_unknown": False,
        "acr": sign_in.acr or "",
        "acr_unknown": sign_in.acr is None,
        "amr": list(sign_in.amr or ()),
        "amr_unknown": sign_in.amr is None,
        "auth_time": sign_in.auth_time or 0,
        "auth_time_unknown": sign_in.auth_time is None,
    }
    if isinstance(inputs, RedemptionInputs):
        tenant = {"tenant": inputs.tenant or "", "tenant_unknown": inputs.tenant is None}
        return found | {"issuer": inputs.issuer} | tenant
    address = {"__extn": {"fn": "ip", "arg": inputs.address or "0.0.0.0"}}
    return found | {
        "provider": inputs.identity_provider,
        "address": address,
        "address_unknown": inputs.address is None,
        **_attribute("users", inputs.users),
        **_attribute("groups", inputs.groups),
        **_attribute("roles", inputs.roles),
        **_attribute("department", inputs.claims.get("department")),
    }


def _attribute(name: str, found: Attribute | None) -> dict[str, Any]:
    unknown = found is None or found.state is State.UNKNOWN
    return {name: [] if found is None or unknown else sorted(found.values), f"{name}_unknown": unknown}


def oracle(texts: list[dict[str, Any]], inputs: GrantInputs | RedemptionInputs) -> dict[str, tuple[bool, str | None]]:
    """Scope to whether Cedar allows it, and the smallest id of the rules that decided."""
    live = [text for text in texts if not text.get("shadow")]
    policies = "\n".join(policy(text) for text in live)
    common = context(inputs)
    answers = {}
    for scope in inputs.scopes:
        request = {
            "principal": 'U::"u"',
            "action": 'A::"use"',
            "resource": 'R::"r"',
            "context": {**common, "scope": scope},
        }
        answer = cedarpy.is_authorized(request, policies, [])
        assert answer.diagnostics.errors == [], answer.diagnostics.errors
        decided = sorted(live[int(reason.removeprefix("policy"))]["id"] for reason in answer.diagnostics.reasons)
        answers[scope] = (answer.decision == cedarpy.Decision.Allow, decided[0] if decided else None)
    return answers


def compare(decision: Decision, expected: dict[str, tuple[bool, str | None]], registered: list[str]) -> None:
    for scope, (allowed, decided_by) in expected.items():
        if scope not in registered:
            assert decision.refused[scope] == (ScopeRefusal.UNKNOWN_SCOPE, None)
        elif allowed:
            assert decision.granted[scope] == decided_by
        else:
            assert scope not in decision.granted
            denied = decision.refused[scope][0] is ScopeRefusal.DENY_RULE
            assert denied == (decided_by is not None)
            assert decision.refused[scope][1] == decided_by


@settings(max_examples=100, deadline=None)
@given(
    st.lists(rule_texts(), max_size=7, unique_by=lambda one: one["id"]), st.lists(attempts(), min_size=1, max_size=4)
)
def test_grants_agree_with_cedar(texts: list[dict[str, Any]], tried: list[GrantInputs]) -> None:
    rules = grant_rules(*texts)
    for inputs in tried:
        compare(decide_grant(rules, inputs), oracle(texts, inputs), RESOURCES[inputs.resource])


@settings(max_examples=80, deadline=None)
@given(
    st.lists(redemption_texts(), max_size=6, unique_by=lambda one: one["id"]),
    st.lists(redemption_attempts(), min_size=1, max_size=4),
)
def test_redemptions_agree_with_cedar(texts: list[dict[str, Any]], tried: list[RedemptionInputs]) -> None:
    rules = redemption_rules(*texts)
    for inputs in tried:
        compare(decide_redemption(rules, inputs), oracle(texts, inputs), RESOURCES[inputs.resource])


def test_the_oracle_sees_both_answers_and_both_kinds_of_rule() -> None:
    """The comparison would be worth nothing if rules and attempts never met."""
    seen: set[str] = set()
    meeting = st.one_of(rule_texts(), rule_texts(subjects="everyone", clients=["*"]))

    @settings(max_examples=150, deadline=None, database=None, derandomize=True)
    @given(st.lists(meeting, min_size=2, max_size=6, unique_by=lambda one: one["id"]), attempts())
    def collect(texts: list[dict[str, Any]], inputs: GrantInputs) -> None:
        decision = decide_grant(grant_rules(*texts), inputs)
        seen.update({"granted"} if decision.granted else set())
        seen.update(why.value for why, _ in decision.refused.values())

    collect()
    assert seen == {"granted", *(why.value for why in ScopeRefusal)}
