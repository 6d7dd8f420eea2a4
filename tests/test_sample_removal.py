"""One rule of the sample company is taken away, with a morning on record: who loses, which
policy tests fail, and how many decisions would have ended otherwise."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
from deploy.sample.__main__ import morning
from typer.testing import CliRunner

from grantd_server.cli.app import app
from grantd_server.governance.asking.answering import answer
from grantd_server.governance.asking.offline import snapshot_of
from grantd_server.governance.document import parse_directory

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.sample.morning import Asked

RULE = "finance-reads-the-books"
LOST = f"through close-agent, desk-assistant; {RULE}, finance-honours-reading -> no rule"
QUESTIONS = 100
CHANGED = re.compile(r"^ +(\d+)  would end otherwise$", re.MULTILINE)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Asked]]:
    folder = tmp_path_factory.mktemp("sample") / "company"
    return folder, morning(folder, QUESTIONS)


def grantd(folder: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner(env={"GRANTD_CONFIG": str(folder / "grantd.yaml")}).invoke(app, list(arguments))
    return done.exit_code, done.output


def changed(told: str) -> int:
    found = CHANGED.search(told)
    assert found is not None, told
    return int(found[1])


def test_what_is_in_force_would_change_nothing(played: tuple[Path, list[Asked]]) -> None:
    folder, asked = played
    code, told = grantd(folder, "simulate", str(folder / "governance"))
    assert code == 0
    assert changed(told) == 0
    replayed = len(asked) + sum(one.redeemed is not None for one in asked)
    assert told.startswith(f"{replayed} decisions replayed, 0 skipped\n")


def test_a_rule_that_is_taken_away(played: tuple[Path, list[Asked]], tmp_path: Path) -> None:
    folder, asked = played
    candidate = shutil.copytree(folder / "governance", tmp_path / "governance")
    snapshot = snapshot_of(parse_directory(candidate))
    by_the_rule = [
        one
        for one in asked
        if any(found.granted and RULE in found.rules for found in answer(snapshot, one.question).scopes.values())
    ]
    rules = candidate / "rules" / "finance.yaml"
    rules.write_text(re.sub(rf" *- id: {RULE}\n(?:.+\n)+", "", rules.read_text()))

    code, told = grantd(folder, "policy", "diff", "active", str(candidate))
    assert code == 0
    assert sorted(told.splitlines()) == [
        f"lost   group {group}: {scope} at {resource} {LOST}"
        for group in ("corp:controllers", "corp:finance")
        for scope, resource in (("invoices.read", "invoices"), ("ledger.read", "ledger"))
    ]
    code, told = grantd(folder, "apply", str(candidate), "--dry-run")
    assert code == 1
    assert "Finance: the books are read by finance [accountant]: failed" in told
    assert "10 of 182 policy tests fail" in told
    assert LOST in told
    assert f"{len(by_the_rule)} decisions on record would end otherwise" in told
    code, told = grantd(folder, "simulate", str(candidate))
    assert code == 0
    assert changed(told) == len(by_the_rule) > 0
    assert "newly allowed" not in told
