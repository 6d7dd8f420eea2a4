"""docs/govern.md and docs/administration.md: every command that they show prints what they show."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

import pytest
from deploy.sample import __main__ as sample

from command_line import environ_of, house_at
from walks import BLOCK, Walk

DOCS = Path(__file__).parent.parent / "docs"
WHO = {"LOGNAME": "root"}
"""Who wrote the pages."""


def company(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """`make company`, below the folder, and then there."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["python -m deploy.sample"])
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert sample.main() == 0
    monkeypatch.chdir(folder / ".run" / "company")
    return printed.getvalue()


def test_the_morning_goes_as_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = {"make company": lambda: company(tmp_path, monkeypatch)}
    Walk(WHO | {"GRANTD_CONFIG": "grantd.yaml"}).go((DOCS / "govern.md").read_text(), Path(), others)


def test_what_administrators_do_ends_as_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = Walk(WHO | environ_of(house_at(tmp_path)))
    monkeypatch.chdir(tmp_path)
    walk.run("grantd apply governance -m first")
    walk.go((DOCS / "administration.md").read_text(), tmp_path)


@pytest.mark.parametrize("page", ["govern.md", "administration.md"])
def test_no_output_of_a_command_is_shown_unchecked(page: str) -> None:
    rest = BLOCK.sub("", (DOCS / page).read_text())
    assert "\n$ " not in rest
    assert "```text" not in rest


ID, OTHER = "d" + "0" * 32, "d" + "1" * 32


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
        ("at 2026-11-22T09:33:48Z\n", "at 2027-01-02T10:11:12Z\n", True),
        ("at 2026-11-22T09:33:48Z\n", "at 2027-01-02 10:11:12Z\n", False),
        ("at 2026-11-22T09:33:48Z\n", "at noon\n", False),
        ("got 72000 s ago\n", "got 72001 s ago\n", True),
        ("got 72000 s left\n", "got 72001 s left\n", False),
        (f"{ID} of {ID}\n", f"{OTHER} of {OTHER}\n", True),
        (f"{ID} of {ID}\n", f"{OTHER} of {ID}\n", False),
        (f"{ID}\n", f"b{OTHER[1:]}\n", False),
        (f"{ID}\n", f"{OTHER}0\n", False),
    ],
)
def test_what_is_left_out_times_and_ids_are_all_that_may_differ(shown: str, printed: str, *, same: bool) -> None:
    assert Walk({}).agrees(shown, printed) is same


def test_an_id_stands_for_the_same_to_the_end_of_the_page() -> None:
    walk = Walk({})
    assert walk.agrees(f"{ID}\n", f"{OTHER}\n")
    assert walk.agrees(f"again {ID}\n", f"again {OTHER}\n")
    assert not walk.agrees(f"again {ID}\n", f"again {ID}\n")
    with pytest.raises(KeyError):
        walk.run(f"grantd explain {OTHER}")
