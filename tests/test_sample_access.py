"""`grantd access report` on a morning of the sample company: each number is what those who
asked counted themselves, and what was never used is what `who-can` tells beside it."""

from __future__ import annotations

import csv
import io
import json
import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from deploy.sample.__main__ import SAMPLE, SEED, served
from deploy.sample.morning import Asked, ask, askable, drawn
from deploy.sample.stand_in import stand_in
from typer.testing import CliRunner

from grantd_server.cli.app import app
from grantd_server.governance.analysis.entitlements import who_can
from grantd_server.governance.asking.offline import snapshot_of
from grantd_server.governance.document import parse_directory
from grantd_server.governance.testing.reading.suite_files import read_suites

if TYPE_CHECKING:
    from pathlib import Path

QUESTIONS = 150


@dataclass
class Counted:
    """One client at one resource, as those who asked saw it."""

    people: set[Any] = field(default_factory=set)
    grants: int = 0
    tokens: int = 0
    scopes: set[str] = field(default_factory=set)
    granted_at: list[float] = field(default_factory=list)


@dataclass
class Morning:
    folder: Path
    asked: list[Asked]
    began: float
    ended: float

    def report(self, *more: str) -> str:
        arguments = ["access", "report", "--config", str(self.folder / "grantd.yaml"), *more]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        return done.stdout

    def rows(self, *more: str) -> dict[tuple[str, str], dict[str, Any]]:
        return {(row["client"], row["resource"]): row for row in json.loads(self.report("--json", *more))}


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> Morning:
    folder = tmp_path_factory.mktemp("company")
    (folder / "grantd.yaml").write_text((SAMPLE / "grantd.yaml").read_text())
    company = stand_in(parse_directory(SAMPLE / "governance").root.plain())
    cases = drawn(askable(read_suites(SAMPLE / "governance"), company), QUESTIONS, random.Random(SEED))  # noqa: S311 - the same morning every time
    began = time.time()
    with served(folder, company) as client:
        asked = [ask(client, company, case) for case in cases]
    return Morning(folder, asked, began, time.time())


def moment(asked: Asked) -> float:
    """A decision id begins with its time, in milliseconds."""
    return int(asked.decision_id[1:13], 16) / 1000


def counted(asked: list[Asked]) -> dict[tuple[str, str], Counted]:
    found: dict[tuple[str, str], Counted] = defaultdict(Counted)
    for one in asked:
        if one.granted:
            count = found[one.question.client, one.question.resource]
            person = one.question.person
            assert person is not None
            count.people.add((person.provider, person.tenant, person.sub))
            count.grants += 1
            count.tokens += bool(one.redeemed)
            count.scopes |= one.granted | (one.redeemed or set())
            count.granted_at.append(moment(one))
    return dict(found)


def test_users_grants_tokens_and_scopes_are_what_those_who_asked_counted(morning: Morning) -> None:
    own, told = counted(morning.asked), morning.rows("--since", "30d")
    assert {place for place, row in told.items() if row["last_used"]} == own.keys()
    assert len(own) >= 10
    assert any(len(count.people) > 1 for count in own.values())
    for place, count in own.items():
        row = told[place]
        mine = (len(count.people), len(count.people), count.grants, count.tokens, sorted(count.scopes))
        assert (row["users"], row["users_at_most"], row["grants"], row["tokens"], row["scopes"]) == mine, place


def test_the_last_use_is_the_last_grant_or_token(morning: Morning) -> None:
    own, told = counted(morning.asked), morning.rows()
    for place, count in own.items():
        last = datetime.fromisoformat(told[place]["last_used"]).timestamp()
        assert int(max(count.granted_at)) <= last <= morning.ended
        if not count.tokens:
            assert last == int(max(count.granted_at)), place


def test_what_was_granted_and_never_used_is_what_who_can_tells_without_what_was_used(morning: Morning) -> None:
    own, told = counted(morning.asked), morning.rows()
    snapshot = snapshot_of(parse_directory(SAMPLE / "governance"))
    can: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in who_can(snapshot, "*", "*", int(time.time())):
        can[row.client, row.resource].add(row.scope)
    unused = {place: scopes - own[place].scopes if place in own else scopes for place, scopes in can.items()}
    assert {place: set(row["unused_scopes"]) for place, row in told.items()} == unused
    assert any(not row["last_used"] for row in told.values())
    assert any(row["last_used"] and row["unused_scopes"] for row in told.values())


def test_only_what_happened_since_is_counted(morning: Morning) -> None:
    times = sorted(moment(one) for one in morning.asked if one.granted)
    since = int(times[-1])
    when = datetime.fromtimestamp(since).astimezone().isoformat()
    own, told = (
        counted([one for one in morning.asked if one.granted and moment(one) >= since]),
        morning.rows("--since", when),
    )
    assert {place: row["grants"] for place, row in told.items() if row["grants"]} == {
        place: count.grants for place, count in own.items()
    }
    assert told.keys() == morning.rows().keys()


def test_the_table_for_spreadsheets_has_the_same_rows(morning: Morning) -> None:
    table = list(csv.DictReader(io.StringIO(morning.report("--csv"))))
    assert [(row["client"], row["resource"]) for row in table] == list(morning.rows())
    for line, row in zip(table, morning.rows().values(), strict=True):
        assert {name: line[name] for name in ("users", "grants", "tokens", "last_used")} == {
            name: str(row[name]) for name in ("users", "grants", "tokens", "last_used")
        }
        assert line["unused_scopes"].split("; ") == (row["unused_scopes"] or [""])
