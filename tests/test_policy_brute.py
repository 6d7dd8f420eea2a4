"""What the analyses say against everybody who can ask: each request is put to the engine,
and nothing else decides who gains, who can, and which rule nobody needs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from analysis_world import content
from brute_ import PLACES, Asker, World, askers, changed, has, is_listed, refused, words, world
from grantd_server.governance.analysis.difference.compare import semantic_diff
from grantd_server.governance.analysis.entitlements import who_can
from grantd_server.governance.analysis.linting.lint import WHOLE, lint
from grantd_server.governance.document import canonical
from policy_world import NOW, rule

SEEDS = range(3)
MOST = 3_000
"""Requests of one world; larger ones are left to longer runs."""

STRANGERS = "not in its directory"
ALL = rule("all")
OUT = rule("out", "deny", subjects={"groups": ["corp:out"]})


def worlds(seed: int) -> Iterator[tuple[World, World, list[Asker]]]:
    """Two small worlds of a seed, each before and after a change."""
    chance = random.Random(seed)  # noqa: S311 - what is tried, nothing that is secret
    found = 0
    while found < 2:
        before = world(chance)
        after = changed(chance, before)
        asking = list(askers(before, after))
        if len(asking) <= MOST:
            found += 1
            yield before, after, asking


@pytest.mark.parametrize("seed", SEEDS)
def test_who_gains_and_who_loses_is_told_and_nobody_else(seed: int) -> None:
    for before, after, asking in worlds(seed):
        who_gains_and_who_loses_is_told(before, after, asking)


@pytest.mark.parametrize("missing", ["disabled", "unknown"])
@pytest.mark.parametrize(("old", "new"), [([ALL, OUT], [ALL]), ([ALL], [ALL, OUT]), ([ALL], [])])
def test_whoever_is_listed_is_told_beside_those_who_are_not(old: list[Any], new: list[Any], missing: str) -> None:
    users = {"u-1": {"groups": ["eng"]}, "u-2": {"groups": ["out"]}, "u-3": {}}
    directories = {"corp": {"missing": missing, "users": users}}
    before, after = (World(content(rules, directories=directories)) for rules in (old, new))

    who_gains_and_who_loses_is_told(before, after, list(askers(before, after)))


def who_gains_and_who_loses_is_told(before: World, after: World, asking: list[Asker]) -> None:
    """Each of them by a row of theirs, and no row of nobody's."""
    old, new = before.snapshot, after.snapshot
    changes = [each for each in semantic_diff(old, new, NOW) if "vouches" not in each.subject]
    witnessed = set()
    for each in asking:
        was, is_ = each.granted(old).keys(), each.granted(new).keys()
        who = has(old, each.person) | has(new, each.person)
        listed = is_listed(before, each.person) or is_listed(after, each.person)
        for change, scopes in (("gained", is_ - was), ("lost", was - is_)):
            for scope in scopes:
                key = (change, each.client, each.resource, scope)
                told = [c for c in changes if (c.change, c.client, c.resource, c.scope) == key]
                mine = {c for c in told if words(c.subject) <= who}
                assert {c for c in mine if STRANGERS not in c.subject} if listed else told, (each, key)
                witnessed |= mine
    assert {c for c in changes if c not in witnessed and STRANGERS not in c.subject} == set()


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_can_is_told_and_whoever_is_told_can(seed: int) -> None:
    for before, _, asking in worlds(seed):
        snapshot = before.snapshot
        rows = [row for row in who_can(snapshot, "*", "*", NOW) if row.provider]
        ends = {each["id"] for each in before.rules() if "expires" in each}
        witnessed = set()
        for each in asking:
            granted, who = each.granted(snapshot), has(snapshot, each.person)
            place = (each.client, each.resource, each.person.provider)
            near = [
                row for row in rows if (row.client, row.resource, row.provider) == place and words(row.subject) <= who
            ]
            for scope in PLACES[each.resource]:
                mine = [row for row in near if row.scope == scope]
                if scope in granted:
                    witnessed |= set(mine)
                    assert any(row.rule == granted[scope][0] for row in mine), (each, scope, granted[scope])
                elif not refused(snapshot, each.person):
                    sure = [row for row in mine if not (row.requires or row.cut_by or {row.rule, *row.ceilings} & ends)]
                    assert sure == [], (each, scope)
        assert set(rows) - witnessed == set()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_linter_calls_needless_can_be_taken_away_at_once(seed: int) -> None:
    for before, _, asking in worlds(seed):
        findings = lint(canonical(before.content), [], NOW)
        rules = {
            one.rule
            for one in findings
            if one.code in WHOLE and (one.code, one.severity) != ("never-matching", "warning")
        }
        left = before
        for name in rules:
            left = left.without(name)

        old, new = before.snapshot, left.snapshot

        assert [each for each in asking if each.granted(old).keys() != each.granted(new).keys()] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_an_allow_that_nobody_needs_is_told(seed: int) -> None:
    for before, _, asking in worlds(seed):
        findings = lint(canonical(before.content), [], NOW)
        told = {one.rule for one in findings if one.code in WHOLE}
        left = before
        for name in told:
            left = left.without(name)
        old = [each.granted(left.snapshot).keys() for each in asking]
        for one in left.content["grants"]["home"]:
            if one["effect"] == "allow" and not one.get("shadow"):
                without = left.without(one["id"]).snapshot
                assert any(each.granted(without).keys() != was for each, was in zip(asking, old, strict=True)), one
