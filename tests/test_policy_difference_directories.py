"""The semantic difference of bundles with directories: whoever gains or loses is told, truly,
whoever else is told, and the same way by every run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from analysis_world import HONOUR, NOW, world
from grantd_server.governance.analysis.difference.compare import semantic_diff
from grantd_server.governance.analysis.difference.once import Once
from grantd_server.governance.analysis.difference.rows import grouped
from grantd_server.governance.analysis.judging.census import Census
from grantd_server.governance.analysis.judging.somebody import Somebody
from policy_world import rule

OURS = {**HONOUR, "issuers": ["home"]}
ALL = rule("all")
ENG = rule("eng", subjects={"groups": ["corp:eng"]})
OUT = rule("out", "deny", subjects={"groups": ["corp:out"]})
HR = rule("hr", subjects={"claims": {"corp:department": ["hr"]}})
BOB = rule("bob", subjects={"users": ["corp:bob"]})
DESK = "ledger.read at ledger through desk"
STRANGERS = "everyone of corp who is not in its directory"


def listed(missing: str = "disabled", /, **groups: str | None) -> dict[str, Any]:
    """Of each their groups; None: not known."""
    users = {sub: {} if names is None else {"groups": names.split(), "roles": []} for sub, names in groups.items()}
    return {"corp": {"missing": missing, "users": users}}


def diff(old: list[Any], new: list[Any], before: Any, after: Any) -> list[str]:
    changes = semantic_diff(world(old, [OURS], directories=before), world(new, [OURS], directories=after), NOW)
    return [line.partition(";")[0].replace(f": {DESK}", "") for line in grouped(changes) if "guest" not in line]


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("disabled", ["gained group corp:out"]),
        ("unknown", [f"gained {STRANGERS}", "gained group corp:out"]),
    ],
)
def test_those_who_are_not_listed_never_stand_for_those_who_are(missing: str, told: list[str]) -> None:
    directory = listed(missing, ada="eng", bob="out")

    assert diff([ALL, OUT], [ALL], directory, directory) == told


def test_everyone_is_not_said_where_only_those_who_are_not_listed_lose() -> None:
    before, after = listed("unknown", ada="eng"), listed("unknown", ada="eng", bob="eng")

    assert diff([ALL], [ALL, OUT], before, after) == [f"lost   {STRANGERS}"]


def test_those_who_are_not_listed_gain_what_a_claim_gives() -> None:
    directory = listed("unknown", ada="eng")

    assert diff([ENG], [ENG, HR], directory, directory) == [
        "gained claim corp:department = hr who is not in its directory"
    ]


def test_one_who_is_not_listed_is_told_by_the_name_that_a_rule_knows() -> None:
    directory = listed("unknown", ada="eng")

    assert diff([], [BOB], directory, directory) == ["gained user corp:bob"]
    assert diff([BOB], [ALL], directory, listed("unknown", ada="eng", eve="eng")) == [
        "gained everyone of corp",
        f"gained {STRANGERS}",
    ]


def test_people_are_told_by_what_takes_it_from_them_not_by_what_others_have_too() -> None:
    before, after = listed(ada="eng", bob="out"), listed(ada="eng", bob="out", carol="eng")

    assert diff([ALL], [ALL, OUT], before, after) == ["gained user corp:carol", "lost   group corp:out"]


def test_each_of_several_whose_groups_are_not_known_is_told_by_name() -> None:
    directory = listed(ada=None, bob=None, eve="eng")

    assert diff([ALL], [ALL, OUT], directory, directory) == ["lost   user corp:ada", "lost   user corp:bob"]


def test_one_whose_groups_are_not_known_is_not_counted_among_those_who_are_not_listed() -> None:
    directory = listed("unknown", ada=None)

    assert diff([ALL], [ALL, OUT], directory, directory) == [f"lost   {STRANGERS}", "lost   user corp:ada"]


@pytest.mark.parametrize("seed", ["1", "4"])
def test_every_run_tells_the_same(seed: str) -> None:
    """A name alone, whatever order strings are hashed in."""
    here = Path(__file__)
    found = subprocess.run(
        [sys.executable, "-c", f"import {here.stem} as it; print(it.of_one_who_goes())"],
        env={**os.environ, "PYTHONHASHSEED": seed},
        cwd=here.parent,
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout == "['lost   user corp:ada']\n"


def of_one_who_goes() -> list[str]:
    after = listed(ada="eng")
    after["corp"]["users"]["ada"]["active"] = False
    return diff([ENG, HR], [ENG, HR], listed(ada="eng"), after)


def test_a_directory_is_gone_through_once_whatever_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    person = Census.person

    def counted(self: Census, provider: str, sub: str) -> Somebody | None:
        asked.append(sub)
        return person(self, provider, sub)

    monkeypatch.setattr(Census, "person", counted)
    directory = listed(**{f"u{number}": "eng" for number in range(50)})
    wide = {**ENG, "clients": ["*"], "resources": ["*"], "scopes": ["*"]}

    assert len(diff([], [wide], directory, directory)) == 4

    assert len(asked) == 2 * 51


def test_people_who_are_told_by_name_are_not_compared_one_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr(Somebody, "within", lambda *_: compared.append(1))
    once = Once()

    assert all(once.first(Somebody("corp", users=frozenset({f"corp:u{n}"})), "lost", "") for n in range(50))

    assert compared == []


def test_what_is_told_of_a_name_holds_for_the_same_person_with_more() -> None:
    once, name, address = Once(), frozenset({"corp:u"}), frozenset({"corp:mailto:u@corp.example"})

    assert once.first(Somebody("corp", users=name), "lost", "")
    assert not once.first(Somebody("corp", users=name | address), "lost", "at night")
    assert once.first(Somebody("corp", users=name | address), "gained", "at night")
    assert once.first(Somebody("corp", users=name), "gained", "")
    assert once.first(Somebody("corp", users=address), "lost", "at night")
    assert not once.first(Somebody("corp", users=address), "lost", "at night")
    assert once.first(Somebody("corp", users=address), "lost", "")


def test_each_of_several_whom_a_rule_names_is_told() -> None:
    both = rule("both", subjects={"users": ["corp:ada", "corp:bob"]})
    directory = listed(ada="eng", bob="eng")

    assert diff([ENG], [ENG, both], directory, directory) == []
    assert diff([], [both], directory, directory) == ["gained user corp:ada", "gained user corp:bob"]


def test_one_whom_a_directory_refuses_now_is_told_by_name_beside_the_group_that_loses_too() -> None:
    after = listed(ada="eng", bob="eng")
    after["corp"]["users"]["ada"]["active"] = False

    assert diff([ENG], [], listed(ada="eng", bob="eng"), after) == ["lost   group corp:eng", "lost   user corp:ada"]
