"""Who gains and who loses between two bundles, told by group, client, resource and scope."""

from __future__ import annotations

from typing import Any

import pytest

from analysis_world import HONOUR, NOW, content, world
from grantd_server.governance.analysis.difference.compare import semantic_diff
from grantd_server.governance.analysis.difference.rows import grouped
from grantd_server.governance.asking.offline import snapshot_of
from grantd_server.governance.document import canonical
from policy_world import redemption, rule

ENG = rule("eng", subjects={"groups": ["corp:eng"]})
OURS = {**HONOUR, "issuers": ["home"]}

CASES = [
    pytest.param([], [ENG], ["gained group corp:eng: ledger.read at ledger through desk; no rule -> eng, honour"], id="new rule"),
    pytest.param([ENG], [], ["lost   group corp:eng: ledger.read at ledger through desk; eng, honour -> no rule"], id="rule gone"),
    pytest.param([ENG], [{**ENG, "shadow": True}],
                 ["lost   group corp:eng: ledger.read at ledger through desk; eng, honour -> no rule"], id="rule in the shadow"),
    pytest.param([ENG], [{**ENG, "clients": ["robot"], "scopes": ["ledger.*"]}],
                 ["gained group corp:eng: ledger.read, ledger.write at ledger through robot; no rule -> eng, honour",
                  "lost   group corp:eng: ledger.read at ledger through desk; eng, honour -> no rule"], id="another client"),
    pytest.param([ENG], [{**ENG, "subjects": {"groups": ["corp:eng", "corp:ops"]}}],
                 ["gained group corp:ops: ledger.read at ledger through desk; no rule -> eng, honour"], id="another group"),
    pytest.param([ENG], [{**ENG, "subjects": {"groups": ["corp:eng"], "roles": ["corp:lead"]}}],
                 ["lost   group corp:eng: ledger.read at ledger through desk; eng, honour -> no rule"], id="a role as well"),
    pytest.param([ENG], [{**ENG, "subjects": "everyone"}],
                 ["gained everyone of corp: ledger.read at ledger through desk; no rule -> eng, honour",
                  "gained everyone of guest: ledger.read at ledger through desk; no rule -> eng, honour"], id="everyone"),
    pytest.param([ENG], [ENG, rule("no", "deny", subjects={"groups": ["corp:out"]})],
                 ["lost   group corp:eng and group corp:out: ledger.read at ledger through desk; eng, honour -> no"], id="a deny of some"),
    pytest.param([ENG, rule("no", "deny", subjects={"groups": ["corp:out"]})], [ENG],
                 ["gained group corp:eng and group corp:out: ledger.read at ledger through desk; no -> eng, honour"], id="a deny gone"),
    pytest.param([ENG], [ENG, rule("no", "deny", subjects={"groups": ["guest:out"]})], [], id="a deny of other people"),
    pytest.param([ENG], [ENG, rule("no", "deny")],
                 ["lost   group corp:eng: ledger.read at ledger through desk; eng, honour -> no"], id="a deny of all"),
    pytest.param([ENG], [{**ENG, "require": {"acr": ["mfa"]}}],
                 ["lost   group corp:eng: ledger.read at ledger through desk (acr another); eng, honour -> no rule"], id="a better sign-in"),
    pytest.param([{**ENG, "require": {"max_auth_age": "1h"}}], [{**ENG, "require": {"max_auth_age": "2h"}}],
                 ["gained group corp:eng: ledger.read at ledger through desk (signed in 3601 s before); no rule -> eng, honour"], id="an older sign-in"),
    pytest.param([ENG], [{**ENG, "require": {"network": ["10.0.0.0/8"]}}],
                 ["lost   group corp:eng: ledger.read at ledger through desk (address 9.255.255.255); eng, honour -> no rule"], id="a network"),
    pytest.param([{**ENG, "require": {"acr": ["mfa"]}}], [],
                 ["lost   group corp:eng: ledger.read at ledger through desk (require.acr: mfa); eng, honour -> no rule"], id="what was conditional"),
    pytest.param([ENG], [{**ENG, "expires": "2027-01-01T00:00:00Z"}],
                 ["lost   group corp:eng: ledger.read at ledger through desk (at Fri 2027-01-01T00:00:00Z); eng, honour -> no rule"], id="an end"),
    pytest.param([ENG], [{**ENG, "expires": "2026-11-21T20:00:00Z"}],
                 ["lost   group corp:eng: ledger.read at ledger through desk; eng, honour -> no rule"], id="an end that has come"),
    pytest.param([ENG], [{**ENG, "require": {"time": {"days": ["sat", "sun"], "from": "00:00", "to": "24:00", "timezone": "UTC"}}}],
                 ["lost   group corp:eng: ledger.read at ledger through desk (at Mon 2026-11-23T00:00:00Z); eng, honour -> no rule"], id="hours"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), CASES)
def test_a_change_of_rules_is_told_by_who_gains_and_who_loses(
    old: list[dict[str, Any]], new: list[dict[str, Any]], told: list[str]
) -> None:
    assert grouped(semantic_diff(world(old, [OURS]), world(new, [OURS]), NOW)) == told


CEILINGS = [
    ([OURS], [{**OURS, "scopes": ["ledger.write"]}],
     ["lost   group corp:eng: ledger.read at ledger through desk; eng, honour -> no rule"]),
    ([OURS], [{**OURS, "require": {"acr": ["mfa"]}}],
     ["lost   group corp:eng: ledger.read at ledger through desk (acr another); eng, honour -> no rule"]),
    ([OURS], [OURS, redemption("no", "deny", clients=["*"], resources=["*"], scopes=["*.read"])],
     ["lost   group corp:eng: ledger.read at ledger through desk; eng, honour -> no"]),
    ([OURS], [{**OURS, "id": "other"}], []),
    ([OURS], [OURS, redemption("p", issuers=["partner"])],
     ["gained everyone that partner vouches for: ledger.read at ledger through desk; no rule -> p"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "told"), CEILINGS)
def test_a_change_of_the_ceiling_is_told_for_everybody_below_it(
    old: list[dict[str, Any]], new: list[dict[str, Any]], told: list[str]
) -> None:
    assert grouped(semantic_diff(world([ENG], old), world([ENG], new), NOW)) == told


GONE = "lost   group corp:eng: ledger.read at ledger through desk; eng, honour -> no rule"


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("clients", "desk", "at", "tools"), None, [GONE]),
        (("clients", "desk", "at", "home", "grant_types"), [], [GONE]),
        (("clients", "desk", "at", "home", "sso"), {"guest": ["desk"]}, [GONE]),
        (("clients", "desk", "at", "home", "identity_providers"), ["guest"], [GONE]),
        (("authorization_servers", "tools", "trusts", "home"), {"resources": ["wiki"], "subject": "passthrough"}, [GONE]),
        (("resources", "ledger", "scopes"), ["ledger.read", "ledger.write", "ledger.new"], []),
        (("resources", "ledger", "sign_in"), {"ledger.read": {"acr": ["mfa"]}},
         ["lost   group corp:eng: ledger.read at ledger through desk (acr another); eng, honour -> no rule"]),
        (("identity_providers", "corp", "claims"), ["department", "more"], []),
    ],
)  # fmt: skip
def test_a_change_of_the_ways_is_told_though_no_rule_changed(
    path: tuple[str, ...], value: object, told: list[str]
) -> None:
    whole = content([ENG], [OURS])
    place = whole
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value

    changed = snapshot_of(canonical(whole))

    assert grouped(semantic_diff(world([ENG], [OURS]), changed, NOW)) == told


def test_a_new_client_gains_what_patterns_give_it() -> None:
    rules = [rule("eng", subjects={"groups": ["corp:eng"]}, clients=["*"])]
    whole = content(rules, [OURS])
    new = whole["clients"].pop("robot")

    before = world(rules, [OURS], clients=whole["clients"])
    after = world(rules, [OURS], clients={**whole["clients"], "robot": new})

    assert grouped(semantic_diff(before, after, NOW)) == [
        "gained group corp:eng: ledger.read at ledger through robot; no rule -> eng, honour"
    ]


def test_without_a_bundle_before_everything_is_gained() -> None:
    assert grouped(semantic_diff(None, world([ENG], [OURS]), NOW)) == [
        "gained group corp:eng: ledger.read at ledger through desk; no rule -> eng, honour"
    ]


def test_what_holds_for_a_group_is_not_told_again_for_its_parts() -> None:
    part = rule("part", subjects={"groups": ["corp:eng"], "roles": ["corp:lead"]})

    changes = semantic_diff(world([], [OURS]), world([ENG, part], [OURS]), NOW)

    assert [change.subject for change in changes] == ["group corp:eng"]


def test_two_users_are_not_one_person_and_an_address_and_a_user_may_be() -> None:
    rules = [
        rule("a", subjects={"users": ["corp:u-1"]}),
        rule("b", subjects={"users": ["corp:mailto:ada@corp.example"]}),
    ]
    deny = rule("no", "deny", subjects={"users": ["corp:u-2"]})

    changes = semantic_diff(world(rules, [OURS]), world([*rules, deny], [OURS]), NOW)

    assert [change.subject for change in changes] == ["user corp:mailto:ada@corp.example and user corp:u-2"]


def test_one_deny_of_very_many_groups_is_told_for_examples() -> None:
    rules = [rule(f"g-{n}", subjects={"groups": [f"corp:team-{n}"]}) for n in range(150)]
    deny = rule("no", "deny", subjects={"groups": ["corp:out"]})

    changes = semantic_diff(world(rules, [OURS]), world([*rules, deny], [OURS]), NOW)

    assert len(changes) == 1
    assert changes[0].after == ("no",)


def test_very_many_conditions_of_one_scope_are_compared_as_exactly_as_few() -> None:
    rules = [
        rule(f"r-{n:02}", require={"acr": [f"a{n}"], "amr": [f"m{n}"], "network": [f"10.{n}.0.0/16"], "max_auth_age": f"{n + 1}m"})
        for n in range(12)
    ]  # fmt: skip

    changes = semantic_diff(world(rules, [OURS]), world([*rules[:7], *rules[8:]], [OURS]), NOW)

    assert {(one.change, one.subject, one.before, one.after) for one in changes} == {
        ("lost", "everyone of corp", ("r-07", "honour"), ()),
        ("lost", "everyone of guest", ("r-07", "honour"), ()),
    }
    assert {one.when for one in changes} == {
        "require.acr: a7, require.amr: m7, require.max_auth_age: a sign-in at most 480 s ago, require.network: 10.7.0.0/16"
    }
    assert semantic_diff(world(rules, [OURS]), world(rules[::-1], [OURS]), NOW) == []


def test_very_many_conditions_with_tenants_expiries_and_hours_are_compared_exactly_as_well() -> None:
    def bundle(rules: list[dict[str, Any]]) -> Any:
        whole = content(rules, [OURS])
        whole["grant_issuers"]["home"]["tenants"] = ["north", "south"]
        whole["identity_providers"]["corp"]["tenant"] = {"claim": "tid"}
        whole["identity_providers"]["guest"]["tenant"] = "north"
        trusts = whole["authorization_servers"]["tools"]["trusts"]
        trusts["home"] = {**trusts["home"], "tenants": ["north", "south"]}
        return snapshot_of(canonical(whole))

    hours = {"days": ["mon"], "from": "08:00", "to": "18:00", "timezone": "UTC"}
    rules = [
        rule(f"r-{n:02}", subjects={"groups": ["corp:eng"]},
             require={"acr": [f"a{n}"], "amr": [f"m{n}"], "network": [f"10.{n}.0.0/16"], "tenants": ["south"], "time": {**hours, "from": f"{n + 6:02}:00"}},
             expires=f"2027-01-{n + 1:02}T00:00:00Z")
        for n in range(8)
    ]  # fmt: skip

    changes = semantic_diff(bundle(rules), bundle([*rules[:3], *rules[4:]]), NOW)

    assert [(one.change, one.subject, one.before) for one in changes] == [
        ("lost", "group corp:eng", ("r-03", "honour"))
    ]
    assert "require.tenants: south" in changes[0].when


@pytest.mark.parametrize(
    "kinds",
    [
        ({"roles": ["corp:lead"]}, {"roles": ["corp:boss"]}),
        ({"users": ["corp:u-1"]}, {"users": ["corp:u-2"]}),
        ({"claims": {"corp:department": ["hr"]}}, {"claims": {"corp:department": ["it"]}}),
    ],
)
def test_people_of_two_new_rules_are_both_told(kinds: tuple[dict[str, Any], ...]) -> None:
    rules = [rule(f"r-{n}", subjects=subjects) for n, subjects in enumerate(kinds)]

    assert len({change.subject for change in semantic_diff(world([], [OURS]), world(rules, [OURS]), NOW)}) == 2


def test_a_tenant_that_is_trusted_from_now_on_gains() -> None:
    def bundle(trusted: list[str]) -> Any:
        whole = content([ENG], [OURS])
        whole["grant_issuers"]["home"]["tenants"] = ["north", "south"]
        for name in ("corp", "guest"):
            whole["identity_providers"][name]["tenant"] = {"claim": "tid"}
        trusts = whole["authorization_servers"]["tools"]["trusts"]
        trusts["home"] = {**trusts["home"], "tenants": trusted}
        return snapshot_of(canonical(whole))

    assert grouped(semantic_diff(bundle(["north"]), bundle(["north", "south"]), NOW)) == [
        "gained group corp:eng: ledger.read at ledger through desk (tenant south); no rule -> eng, honour"
    ]
