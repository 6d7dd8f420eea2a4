"""What a candidate changes is what deciding everything anew says; what was not recorded
is told apart, and only where it matters."""

from __future__ import annotations

import copy
import dataclasses
import json
from random import Random
from typing import Any

import pytest

import company_
import decided_
from company_ import seeded
from grantd_server.governance.faults import BundleError
from grantd_server.simulation.replay.case import Case, Skipped, read_record
from grantd_server.simulation.replay.engine import replay

WORLDS, EACH = 42, 150


def removed(rules: list[dict[str, Any]], chance: Random) -> None:
    rules.pop(chance.randrange(len(rules)))


def turned(rules: list[dict[str, Any]], chance: Random) -> None:
    rule = chance.choice(rules)
    rule["effect"] = "allow" if rule["effect"] == "deny" else "deny"
    rule.pop("details", None)


def moved(rules: list[dict[str, Any]], chance: Random) -> None:
    chance.choice(rules)["clients"] = ["robot"]


def opened(rules: list[dict[str, Any]], chance: Random) -> None:
    rule = chance.choice(rules)
    for narrowing in ("require", "expires", "shadow"):
        rule.pop(narrowing, None)


def personal(rules: list[dict[str, Any]], chance: Random) -> None:
    rule = chance.choice([rule for rule in rules if "subjects" in rule] or rules)
    if "subjects" in rule:
        rule["subjects"] = {"users": [f"corp:{user}" for user in company_.USERS[:20]]}


CHANGES = [removed, turned, moved, opened, personal]


def changed(content: dict[str, Any], chance: Random) -> dict[str, Any]:
    candidate = copy.deepcopy(content)
    for where in (candidate["grants"]["home"], candidate["redemptions"]["tools"]):
        for change in chance.sample(CHANGES, 2):
            change(where, chance)
    if chance.random() < 0.2:
        candidate["clients"]["desk"]["at"].pop("abroad")
    if chance.random() < 0.2:
        candidate["authorization_servers"]["tools"]["trusts"]["home"]["resources"].remove("mcp-1")
    if chance.random() < 0.2:
        candidate["resources"]["wiki"]["uri"] = company_.uri("elsewhere")
    if "tenants" in content["grant_issuers"]["home"]:
        resettled(candidate, chance)
    return candidate


def resettled(candidate: dict[str, Any], chance: Random) -> None:
    """Customers move, leave, and are no longer a client's business."""
    bound = candidate["authorization_servers"]["tools"]["tenants"]
    clients = candidate["clients"]
    if chance.random() < 0.3:
        candidate["identity_providers"]["guest"]["tenant"] = "north"
    if chance.random() < 0.3:
        bound["acme"], bound["globex"] = ["home/south"], ["home/north", "partner"]
    elif chance.random() < 0.3:
        bound["globex"].remove("home/south")
    if chance.random() < 0.3:
        clients["desk"]["at"]["home"]["tenants"] = ["south"]
    if chance.random() < 0.3:
        clients["robot"]["at"]["tools/globex"]["tenants"] = ["partner"]


@pytest.mark.parametrize("part", range(3))
def test_the_changes_are_those_of_deciding_everything_anew(part: int) -> None:
    gained = lost = divided = 0
    for number in range(part, WORLDS, 3):
        chance = seeded(f"changed {number}")
        content = company_.document(chance, chance.choice([4, 8, 16]), tenants=number % 2 == 0)
        altered = changed(content, chance)
        try:
            after = decided_.candidate(altered)
        except BundleError:
            continue
        divided += "tenants" in content["grant_issuers"]["home"]
        seed = str(chance.random())
        before = decided_.happenings(decided_.compiled(content)[1], seeded(seed), EACH)
        anew = decided_.happenings(after.snapshot, seeded(seed), EACH)
        after.learn(decided_.compiled(content)[1].version, content)
        for then, now in zip(before, anew, strict=True):
            case, ended = read_record(then.body, after.names)
            _, expected = read_record(now.body, after.names)
            answer = replay(after, case)
            assert not answer.open, (altered, then, answer)
            assert answer.granted == expected.granted, (altered, then, now)
            gained += len(expected.granted.keys() - ended.granted.keys())
            lost += len(ended.granted.keys() - expected.granted.keys())
    assert min(gained, lost) > 10, "both happen"
    assert divided > 4, "companies with tenants are among them"


def test_the_engine_cannot_see_how_a_decision_ended() -> None:
    """Two records that differ in nothing but their outcome are one case."""
    chance = seeded("7")
    content = company_.document(chance)
    active = decided_.candidate(content)
    for record in decided_.happenings(active.snapshot, chance, 60):
        body = json.loads(record.body)
        told = {"outcome", "reason", "rules", "scopes_granted", "resources", "refused_scopes", "near_misses", "shadow"}
        blank = {name: value for name, value in body.items() if name not in told} | {"outcome": "refused"}
        case, _ = read_record(record.body, active.names)
        assert read_record(json.dumps(blank).encode(), active.names)[0] == case
    assert not {field.name for field in dataclasses.fields(Case)} & told


def recorded(**altered: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A decision that one rule grants to engineers, as a record; and its bundle."""
    chance = seeded("3")
    content = company_.document(chance, 1)
    content["redemptions"]["tools"] = []
    content["grants"]["home"] = [rule("engineers", subjects={"groups": ["corp:eng"]})]
    _, snapshot = decided_.compiled(content)
    for record in decided_.happenings(snapshot, chance, 2000):
        body = json.loads(record.body)
        one = body["inputs"][0]
        if body["outcome"] == "granted" and len(body["inputs"]) == 1 and one["resource"] == "ledger":
            return {**body, **altered}, content
    raise AssertionError("nobody was granted anything")


def rule(name: str, effect: str = "allow", **more: Any) -> dict[str, Any]:
    everyone = {"subjects": "everyone", "clients": ["*"], "resources": ["ledger"], "scopes": ["*"]}
    return {"id": name, "effect": effect, **everyone, **more}


def answered(body: dict[str, Any], content: dict[str, Any], then: dict[str, Any], keys: Any = None) -> tuple[str, ...]:
    """What is open, or `granted` or `refused`."""
    candidate = decided_.candidate(content, keys)
    candidate.learn(body["bundle_version"], then)
    case, _ = read_record(json.dumps(body).encode(), candidate.names)
    answer = replay(candidate, case)
    return tuple(sorted(answer.open)) or (("granted",) if answer.granted else ("refused",))


NEW_CLAIM = {"claims": {"corp:cost_center": ["7"]}}
ENGINEERS = {"groups": ["corp:eng"]}
HIDDEN_CLAIM = [
    ([rule("new", subjects=NEW_CLAIM)], ("claims.corp:cost_center",)),
    ([rule("new", subjects=NEW_CLAIM), rule("engineers", subjects=ENGINEERS)], ("granted",)),
    ([rule("out", "deny", subjects=NEW_CLAIM), rule("engineers", subjects=ENGINEERS)], ("claims.corp:cost_center",)),
    ([rule("out", "deny", subjects=NEW_CLAIM)], ("refused",)),
    ([rule("out", "deny"), rule("new", subjects=NEW_CLAIM)], ("refused",)),
    ([rule("new", subjects=NEW_CLAIM, clients=["agent-1"])], ("refused",)),
    ([rule("new", subjects=NEW_CLAIM, expires="2020-01-01T00:00:00Z")], ("refused",)),
    ([rule("new", subjects={"claims": {"guest:cost_center": ["7"]}})], ("refused",)),
    ([rule("new", subjects=NEW_CLAIM, require={"amr": ["never"]})], ("refused",)),
]


@pytest.mark.parametrize(("rules", "expected"), HIDDEN_CLAIM)
def test_a_claim_that_was_not_declared_then_is_undetermined_where_the_outcome_hangs_on_it(
    rules: list[dict[str, Any]], expected: tuple[str, ...]
) -> None:
    body, content = recorded()
    body["client"], body["client_id"] = "desk", "desk@home"
    body["inputs"][0]["client"] = "desk"
    body["inputs"][0]["amr"] = ["otp"]
    candidate = copy.deepcopy(content)
    for provider in candidate["identity_providers"].values():
        provider["claims"] = ["department", "cost_center"]
    candidate["grants"]["home"] = rules
    assert answered(body, candidate, content) == expected


@pytest.mark.parametrize(
    ("altered", "expected"),
    [
        ({"groups_claim": "teams"}, ("groups",)),
        ({"roles_claim": "jobs"}, ("granted",)),
        ({"issuer": "https://moved.corp.example"}, ("granted",)),
    ],
)
def test_groups_that_are_read_elsewhere_now_are_not_on_record(
    altered: dict[str, Any], expected: tuple[str, ...]
) -> None:
    body, content = recorded()
    candidate = copy.deepcopy(content)
    candidate["identity_providers"]["corp"] |= altered
    assert answered(body, candidate, content) == expected


def test_a_directory_that_came_later_tells_groups_that_are_not_on_record() -> None:
    body, content = recorded()
    candidate = copy.deepcopy(content)
    candidate["directories"] = {"corp": {"missing": "disabled", "users": {"u-1": {"groups": ["eng"]}}}}
    assert answered(body, candidate, content) == ("groups",)
    assert answered(body, candidate, candidate) == ("granted",)


def test_under_a_lost_pseudonym_key_nobody_can_say_who_it_was() -> None:
    body, content = recorded()
    candidate = copy.deepcopy(content)
    candidate["grants"]["home"] = [rule("ada", subjects={"users": ["corp:u-1"]})]
    assert answered(body, candidate, content) != ("users",)
    assert answered(body, candidate, content, []) == ("users",)
    assert answered(body, content, content, []) == ("granted",), "this rule names nobody"


@pytest.mark.parametrize(
    ("altered", "why"),
    [
        ({"outcome": "failed"}, "failed on our side"),
        ({"inputs": []}, "ended before policy"),
        ({"asked": {"cut": True}}, "asked for more than is recorded"),
        ({"client": None, "client_id": None, "inputs": [{}]}, "are of another format"),
        ({"inputs": [{"v": 2}]}, "are of another format"),
    ],
)
def test_what_cannot_be_replayed_is_skipped_and_says_why(altered: dict[str, Any], why: str) -> None:
    body, _ = recorded(**altered)
    with pytest.raises(Skipped, match=f"^{why}$"):
        read_record(json.dumps(body).encode(), {})


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"null", b"\xff"])
def test_what_is_no_record_is_skipped(raw: bytes) -> None:
    with pytest.raises(Skipped):
        read_record(raw, {})


@pytest.mark.parametrize(
    ("check", "ok", "expected"),
    [
        ("target.resource_blocked", False, "refused"),
        ("assertion.first_use", False, "refused"),
        ("target.resource_blocked", True, "granted"),
        ("policy.rule", False, "granted"),
    ],
)
def test_a_block_or_a_used_token_ends_a_replay_as_it_ended_the_call(check: str, ok: bool, expected: str) -> None:
    body, content = recorded()
    body["checks"] = [["step", check, ok, "", ""]]
    assert answered(body, content, content) == (expected,)


def test_a_record_of_an_earlier_release_is_replayed_from_its_policy_inputs() -> None:
    body, content = recorded()
    body.pop("asked")
    uri = body["inputs"][0].pop("uri")
    assert uri
    assert answered(body, content, content) == ("granted",)
    without = copy.deepcopy(content)
    without["grants"]["home"] = []
    assert answered(body, without, content) == ("refused",)
