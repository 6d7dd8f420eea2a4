"""What `grantd policy validate` tells of broken bundles: every line, with its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import northwind
from broken_bundles import BROKEN, Broken
from grantd_server.cli.app import app

PAGE = Path(__file__).parent.parent / "docs" / "bundle-errors.md"


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_broken_bundle_is_refused_with_every_fault_in_its_place(tmp_path: Path, broken: Broken) -> None:
    (tmp_path / "b.yaml").write_text(northwind.changed(broken.old, broken.new))

    found = CliRunner().invoke(app, ["policy", "validate", str(tmp_path)])

    assert (found.exit_code, tuple(found.output.splitlines())) == (1, broken.told)
    assert all(re.match(r"b\.yaml:[1-9]\d*:[1-9]\d*: ", line) for line in broken.told)


def test_there_are_twenty_at_least_and_no_two_alike() -> None:
    assert len({broken.told for broken in BROKEN}) == len(BROKEN) >= 20


def test_the_page_shows_each_of_them_as_it_is_told() -> None:
    parts = PAGE.read_text().split("\n## ")[1:]

    assert [(part.partition("\n")[0], part.split("```")[-2].strip("\n").splitlines()) for part in parts] == [
        (broken.name[0].upper() + broken.name[1:], list(broken.told)) for broken in BROKEN
    ]
