"""docs/govern.md: every command that it shows prints what it shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from walks import agrees, edit, run, steps

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "govern.md").read_text()


def test_the_walk_goes_as_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    company = shutil.copytree(ROOT / "deploy" / "sample", tmp_path / "company")
    monkeypatch.chdir(company)
    run(company, "grantd apply governance -m 'The sample company as it stands'")
    for step in steps(PAGE):
        if step.kind == "diff":
            edit(company, step.text)
            continue
        for command, shown in step.commands:
            printed = run(company, command)
            assert agrees(shown, printed), f"$ {command}\n{printed}"


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\n", "a\n", True),
        ("a …\n", "a b\n", True),
        ("a …\n", "a b\nc\n", False),
        ("a\n…\nc\n", "a\nb\nb\nc\n", True),
        ("…\nc\n", "c\n", True),
        ("a.c\n", "abc\n", False),
        ("", "a\n", False),
    ],
)
def test_what_is_left_out_is_all_that_may_differ(shown: str, printed: str, *, same: bool) -> None:
    assert agrees(shown, printed) is same
