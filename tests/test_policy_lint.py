"""What the linter finds, one planted fault each, and that it finds nothing in what is well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import northwind
from analysis_world import HONOUR, NOW, content
from grantd_server.governance.analysis.linting import needless
from grantd_server.governance.analysis.linting.lint import lint
from grantd_server.governance.document import canonical
from grantd_server.governance.testing.reading.suite_files import read_suites
from policy_world import redemption, rule

OURS = {**HONOUR, "clients": ["desk", "robot", "agent-1"]}
ENG = rule("eng", subjects={"groups": ["corp:eng"]})
DIRECTORY = {
    "corp": {
        "missing": "disabled",
        "users": {"u-1": {"groups": ["eng"], "roles": ["lead"]}, "u-2": {"active": False}},
    }
}
OPEN = {"clients": ["*"], "resources": ["*"], "scopes": ["*"]}
DAYS = {"from": "08:00", "to": "18:00", "timezone": "UTC"}


def found(
    *rules: dict[str, Any], ceilings: list[dict[str, Any]] | None = None, **changed: Any
) -> list[tuple[str, str, str, str]]:
    document = canonical(content(list(rules), [OURS] if ceilings is None else ceilings, **changed))
    return [(one.severity, one.code, one.rule, one.sentence) for one in lint(document, [], NOW)]


def test_nothing_is_found_in_what_is_well() -> None:
    rules = [
        ENG,
        rule("write", subjects={"groups": ["corp:leads"]}, scopes=["ledger.*"], require={"acr": ["mfa"]}),
        rule("out", "deny", subjects={"groups": ["corp:out"]}, scopes=["*"]),
        rule("later", subjects={"groups": ["corp:ops"]}, expires="2027-06-01T00:00:00Z"),
        rule("trial", shadow=True, **OPEN),
    ]

    assert found(*rules) == []


@pytest.mark.parametrize(
    "narrower",
    [
        {},
        {"clients": ["desk"]},
        {"subjects": {"groups": ["corp:eng"], "roles": ["corp:lead"]}},
        {"subjects": {"groups": ["corp:eng"], "claims": {"corp:department": ["hr"]}}},
        {"require": {"acr": ["mfa"]}},
        {"expires": "2028-01-01T00:00:00Z"},
    ],
)
def test_an_allow_that_another_covers_is_shadowed(narrower: dict[str, Any]) -> None:
    wide = rule("a-wide", subjects={"groups": ["corp:eng", "corp:ops"]}, clients=["desk", "robot"])

    assert found(wide, {**ENG, **narrower}) == [("warning", "shadowed", "eng", "a-wide allows everything that it does")]


REQUIREMENTS = [
    ({"acr": ["mfa", "phr"]}, {"acr": ["mfa"]}, True),
    ({"acr": ["mfa"]}, {"acr": ["mfa", "phr"]}, False),
    ({"amr": ["otp", "hwk"]}, {"amr": ["hwk"]}, True),
    ({"amr": ["otp"]}, {"acr": ["otp"]}, False),
    ({"max_auth_age": "2h"}, {"max_auth_age": "1h"}, True),
    ({"max_auth_age": "1h"}, {"max_auth_age": "2h"}, False),
    ({"network": ["10.0.0.0/8", "2001:db8::/32"]}, {"network": ["10.1.0.0/16", "2001:db8:1::/48"]}, True),
    ({"network": ["10.0.0.0/8"]}, {"network": ["10.1.0.0/16", "192.0.2.0/24"]}, False),
    ({"network": ["10.0.0.0/8"]}, {"network": ["2001:db8::/32"]}, False),
    ({"time": {"days": ["mon", "tue"], **DAYS}}, {"time": {"days": ["mon"], **DAYS, "from": "09:00"}}, True),
    ({"time": {"days": ["mon"], **DAYS}}, {"time": {"days": ["mon", "tue"], **DAYS}}, False),
    ({"time": {"days": ["mon"], **DAYS}}, {"time": {"days": ["mon"], **DAYS, "to": "19:00"}}, False),
    ({"time": {"days": ["mon"], **DAYS}}, {"time": {"days": ["mon"], **DAYS, "from": "07:00"}}, False),
    ({"time": {"days": ["mon"], **DAYS}}, {"time": {"days": ["mon"], **DAYS, "timezone": "Europe/Berlin"}}, False),
    ({"time": {"days": ["mon"], **DAYS, "from": "20:00"}}, {"time": {"days": ["mon"], **DAYS, "from": "20:00"}}, True),
    ({"time": {"days": ["mon"], **DAYS, "from": "20:00"}}, {"time": {"days": ["mon"], **DAYS, "from": "21:00"}}, False),
    ({"acr": ["mfa"]}, None, False),
    (None, {"acr": ["mfa"]}, True),
]


@pytest.mark.parametrize(("outer", "inner", "covered"), REQUIREMENTS)
def test_a_rule_covers_another_only_where_each_demand_is_implied(
    outer: dict[str, Any] | None, inner: dict[str, Any] | None, covered: bool
) -> None:
    rules = [{**ENG, "id": "a", "require": outer}, {**ENG, "id": "b", "require": inner}]

    codes = found(*({key: value for key, value in each.items() if value is not None} for each in rules))

    assert (("warning", "shadowed", "b", "a allows everything that it does") in codes) is covered


def test_a_window_within_another_that_runs_over_midnight_is_found_by_trying_hours() -> None:
    hours = [{"days": ["mon"], "from": since, "to": "06:00", "timezone": "UTC"} for since in ("20:00", "21:00")]

    found_there = found(
        *({**ENG, "id": name, "require": {"time": each}} for name, each in zip("ab", hours, strict=True))
    )

    assert found_there == [("warning", "shadowed", "b", "a leaves nothing that only it allows")]


def test_of_several_rules_that_leave_nothing_the_first_three_are_named() -> None:
    groups = [f"corp:g-{n}" for n in range(4)]
    each = [rule(f"r-{n}", subjects={"groups": [name]}, clients=["desk", "robot"]) for n, name in enumerate(groups)]

    assert found(*each[:2], rule("z", subjects={"groups": groups[:2]})) == [
        ("warning", "shadowed", "z", "together, r-0, r-1 leave nothing that only it allows")
    ]
    assert found(*each, rule("z", subjects={"groups": groups})) == [
        ("warning", "shadowed", "z", "together, r-0, r-1, r-2, and more leave nothing that only it allows")
    ]


def test_a_rule_about_more_than_can_be_tried_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needless, "MOST_SPOTS", 1)
    each = [rule(f"r-{n}", subjects={"groups": [f"corp:g-{n}"]}, clients=["desk", "robot"]) for n in range(2)]

    assert found(*each, rule("z", subjects={"groups": ["corp:g-0", "corp:g-1"]})) == []


@pytest.mark.parametrize(
    "other",
    [
        {"subjects": {"groups": ["corp:ops"]}},
        {"subjects": {"groups": ["corp:eng"], "roles": ["corp:lead"]}},
        {"clients": ["robot"]},
        {"scopes": ["ledger.write"]},
        {"resources": ["wiki"], "scopes": ["wiki.read"]},
        {"expires": "2028-01-01T00:00:00Z"},
        {"shadow": True},
        {"expires": "2026-01-01T00:00:00Z"},
    ],
)
def test_what_is_not_wholly_covered_is_not_shadowed(other: dict[str, Any]) -> None:
    assert "shadowed" not in {one[1] for one in found({**ENG, "id": "a", **other}, ENG) if one[2] == "eng"}


@pytest.mark.parametrize("more", [{"clients": ["desk", "robot"]}, {"resources": ["mcp-1", "wiki"]}])
def test_a_rule_that_is_about_more_places_is_not_shadowed(more: dict[str, Any]) -> None:
    one = rule("a", subjects={"groups": ["corp:eng"]}, resources=["mcp-1"], scopes=["shared.read"])

    assert "b" not in {each[2] for each in found(one, {**one, "id": "b", **more})}


def test_of_two_rules_that_say_the_same_one_is_told() -> None:
    assert found(ENG, {**ENG, "id": "zeng"}) == [("warning", "shadowed", "zeng", "eng allows everything that it does")]


def test_a_deny_in_a_deny_is_shadowed_and_an_allow_in_a_deny_is_denied() -> None:
    wide = rule("a-deny", "deny", subjects={"groups": ["corp:eng", "corp:out"]}, clients=["*"], scopes=["*"])
    narrow = rule("b-deny", "deny", subjects={"groups": ["corp:out"]})

    assert found(wide, narrow, ENG) == [
        ("warning", "shadowed", "b-deny", "a-deny denies everything that it does"),
        ("warning", "denied", "eng", "a-deny denies everything that it allows"),
    ]


def test_ceilings_are_looked_at_as_well() -> None:
    ceilings = [
        OURS,
        redemption("narrow"),
        redemption("no", "deny", issuers=["partner"]),
        redemption("p", issuers=["partner"]),
    ]

    assert [one[:3] for one in found(ceilings=ceilings)] == [
        ("warning", "shadowed", "narrow"),
        ("warning", "denied", "p"),
    ]


@pytest.mark.parametrize(
    ("rules", "ceilings", "finding"),
    [
        ([ENG], [redemption("c", scopes=["ledger.write"])],
         ("error", "unreachable", "eng", "nothing leads there: no redemption rule of tools lets ledger.read through")),
        ([ENG], [{**redemption("c"), "expires": "2026-01-01T00:00:00Z"}],
         ("error", "unreachable", "eng", "nothing leads there: no redemption rule of tools lets ledger.read through")),
        ([rule("eng", clients=["robot"], resources=["files"], scopes=["files:read"])], None,
         ("error", "unreachable", "eng", "nothing leads there: robot has no client id at abroad")),
        ([rule("eng", clients=["desk", "robot"], resources=["files"], scopes=["files:read"])], None,
         ("warning", "partly-unreachable", "eng", "nothing leads from its client robot through both legs")),
        ([rule("eng", scopes=["ledger.read", "ledger.write"])], [redemption("c")],
         ("warning", "partly-unreachable", "eng", "nothing leads from its scope ledger.write through both legs")),
        ([rule("eng", "deny", clients=["robot"], resources=["files"], scopes=["files:read"])], None,
         ("warning", "unreachable", "eng", "nothing leads there: robot has no client id at abroad")),
    ],
)  # fmt: skip
def test_what_nothing_leads_to_is_told_with_the_obstacle(
    rules: list[dict[str, Any]], ceilings: list[dict[str, Any]] | None, finding: tuple[str, str, str, str]
) -> None:
    assert finding in found(*rules, ceilings=ceilings)


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (("clients", "desk", "at", "home", "grant_types"), [], "nothing leads there: desk may not exchange at home"),
        (("clients", "desk", "at", "home", "sso"), {"guest": ["desk"]}, "nothing leads there: desk has no sso id at corp"),
        (("clients", "desk", "at", "tools", "grant_types"), [], "nothing leads there: desk may not redeem at tools"),
        (("authorization_servers", "tools", "trusts", "home", "resources"), ["wiki"],
         "nothing leads there: home may not speak for ledger at tools"),
    ],
)  # fmt: skip
def test_a_way_that_is_closed_makes_a_rule_unreachable(path: tuple[str, ...], value: object, sentence: str) -> None:
    whole = content([ENG], [{**OURS, "issuers": ["*"]}])
    place = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    findings = lint(canonical(whole), [], NOW)

    assert ("error", "unreachable", "eng", sentence) in [(f.severity, f.code, f.rule, f.sentence) for f in findings]


def test_a_ceiling_for_which_nobody_can_bring_a_grant_is_unreachable() -> None:
    whole = content([], [redemption("c", clients=["robot"])])
    del whole["clients"]["robot"]["at"]["tools"]

    (finding,) = lint(canonical(whole), [], NOW)

    assert (finding.severity, finding.code, finding.rule) == ("error", "unreachable", "c")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (OPEN, [("error", "over-broad", "it is about everyone, every client, every resource, every scope")]),
        ({**OPEN, "require": {"acr": ["mfa"]}},
         [("warning", "over-broad", "it is about everyone, every client, every resource, every scope")]),
        ({"clients": ["*"]}, [("warning", "over-broad", "it is about everyone, every client")]),
        ({"clients": ["*"], "require": {"acr": ["mfa"]}}, []),
        ({"clients": ["*"], "subjects": {"groups": ["corp:eng"]}}, []),
        ({"resources": ["*"], "scopes": ["*"], "subjects": {"groups": ["corp:eng"]}},
         [("warning", "over-broad", "it is about every resource, every scope")]),
        ({"scopes": ["ledger.*"]}, []),
    ],
)  # fmt: skip
def test_what_is_open_in_several_respects_is_over_broad(
    changed: dict[str, Any], told: list[tuple[str, str, str]]
) -> None:
    assert [(one[0], one[1], one[3]) for one in found(rule("wide", **changed))] == told


def test_a_deny_may_be_as_broad_as_it_likes_and_a_ceiling_must_not_be_open_in_all() -> None:
    assert found(rule("no", "deny", require={"network": ["192.0.2.0/24"]}, **OPEN)) == []
    assert found(ceilings=[HONOUR]) == [
        ("warning", "over-broad", "honour", "it is about every issuer, every client, every resource, every scope")
    ]


def test_what_has_expired_and_what_soon_will_is_told() -> None:
    rules = [
        {**ENG, "expires": "2026-11-21T20:00:00Z"},
        rule("no", "deny", subjects={"groups": ["corp:out"]}, expires="2026-01-01T00:00:00Z"),
        rule("soon", subjects={"groups": ["corp:ops"]}, expires="2026-12-21T20:00:00Z"),
        rule("later", subjects={"groups": ["corp:hr"]}, expires="2026-12-21T20:00:01Z"),
        rule("trial", subjects={"groups": ["corp:hr"]}, expires="2026-01-01T00:00:00Z", shadow=True),
    ]

    assert found(*rules) == [
        ("warning", "expired", "eng", "it expired at 2026-11-21T20:00:00Z: it allows nothing any more"),
        ("warning", "expired", "no",
         "it expired at 2026-01-01T00:00:00Z: what it denied is open again wherever a rule allows it"),
        ("info", "expires-soon", "soon", "it expires at 2026-12-21T20:00:00Z"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "severity", "sentence"),
    [
        ({"subjects": {"groups": ["corp:eng"], "roles": ["guest:lead"]}}, "error",
         "it wants somebody of two identity providers at once"),
        ({"subjects": {"groups": ["corp:engg"]}}, "warning", "nobody in the directory of corp has corp:engg among their groups"),
        ({"subjects": {"roles": ["corp:boss"]}}, "warning", "nobody in the directory of corp has corp:boss among their roles"),
        ({"subjects": {"users": ["corp:u-2"]}}, "warning", "nobody in the directory of corp has corp:u-2 among their users"),
        ({"subjects": {"users": ["corp:u-3"]}}, "warning", "nobody in the directory of corp has corp:u-3 among their users"),
        ({"resources": ["ledger", "wiki"]}, "warning", "wiki has none of its scopes"),
        ({"scopes": ["ledger.write"], "require": {"acr": ["pwd"]}}, "error",
         "what it requires, its scopes and the ceiling of the server exclude each other"),
    ],
)  # fmt: skip
def test_what_can_never_match_is_told(changed: dict[str, Any], severity: str, sentence: str) -> None:
    whole = content([{**ENG, **changed}], [OURS], directories=DIRECTORY)
    whole["resources"]["ledger"]["sign_in"] = {"ledger.write": {"acr": ["mfa"]}}

    findings = lint(canonical(whole), [], NOW)

    assert (severity, "never-matching", sentence) in [(one.severity, one.code, one.sentence) for one in findings]


@pytest.mark.parametrize("subjects", [{"groups": ["corp:eng"]}, {"roles": ["corp:lead"]}, {"users": ["corp:u-1"]},
                                      {"users": ["corp:mailto:ada@corp.example"]}, {"groups": ["guest:any"]}])  # fmt: skip
def test_who_is_in_the_directory_or_cannot_be_known_is_fine(subjects: dict[str, Any]) -> None:
    assert found({**ENG, "subjects": subjects}, directories=DIRECTORY) == []


def test_a_user_that_a_directory_may_leave_out_is_fine() -> None:
    directory = {"corp": {**DIRECTORY["corp"], "missing": "unknown"}}

    assert found({**ENG, "subjects": {"users": ["corp:u-3"]}}, directories=directory) == []


def test_a_ceiling_that_wants_another_sign_in_than_the_rule_excludes_it() -> None:
    codes = [
        one[:3]
        for one in found({**ENG, "require": {"acr": ["pwd"]}}, ceilings=[redemption("c", require={"acr": ["mfa"]})])
    ]

    assert codes == [("error", "never-matching", "eng")]


def test_a_finding_has_the_place_of_its_rule_and_what_to_do(tmp_path: Path) -> None:
    text = northwind.changed('["corp:finance"]', '["corp:contractors"]')

    (finding,) = lint(northwind.parse(tmp_path, text), [], NOW)

    assert str(finding) == (
        "b.yaml:81:7: warning: denied: finance-reads: contractors-out denies everything that it allows. "
        "Take one of the two away, or narrow the deny."
    )


def test_a_group_that_no_test_has_is_untested_once_there_are_tests(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "t.yaml").write_text(
        "people: {a: {provider: corp, groups: [finance]}}\nclient: desk\nresource: ledger\n"
        "tests: [{name: one, who: a, expect: {ledger.read: yes}}]\n"
    )
    document = northwind.parse(tmp_path)

    findings = lint(document, read_suites(tmp_path), NOW)

    assert [(one.severity, one.code, one.sentence) for one in findings] == [
        ("info", "untested", "no policy test has anybody in corp:contractors")
    ]
    assert lint(document, [], NOW) == []
