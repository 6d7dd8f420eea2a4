"""The page on divergences names rows that exist, every open question, and what each
profile does differently."""

from __future__ import annotations

import re
from pathlib import Path

from grantd_server.governance.reading.parties.profiles import PROFILES
from requirements import rows

PAGE = (Path(__file__).parent.parent / "docs/divergences.md").read_text("utf-8")
ROWS = [line.strip("|").split("|") for line in PAGE.splitlines() if re.match(r"\| [A-Z]-\d", line)]


def named() -> set[str]:
    return set(re.findall(r"\b[A-HX]-\d+\b", PAGE))


def test_every_row_that_is_named_exists() -> None:
    assert named() - rows().keys() == set()


def test_every_question_on_which_the_texts_disagree_is_answered() -> None:
    first = {cells[0].strip() for cells in ROWS}
    assert {name for name in rows() if name.startswith("X-")} <= first
    assert all(all(cell.strip() for cell in cells) for cells in ROWS)


def test_every_row_that_is_declined_is_named() -> None:
    spelled = named() | {f"C-{number}" for number in range(30, 36)}
    assert {name for name, row in rows().items() if row.declined} <= spelled


def test_a_preset_that_is_looser_than_generic_is_named_with_its_key() -> None:
    strict = PROFILES["generic"].trusts
    looser = [
        (name, key, value)
        for name, profile in PROFILES.items()
        for key, value in profile.trusts.items()
        if value != strict[key]
    ]
    assert looser == [("okta", "resource_claim", "optional")]
    for name, key, value in looser:
        assert any(f"`profile: {name}`" in line and f"`{key}: {value}`" in line for line in PAGE.splitlines())
