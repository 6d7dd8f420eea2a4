"""Directories that are broken as editors, disks and copying break them: every message has
its place and one sentence that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from broken_files import BROKEN_FILES, SOUND_FILES, BrokenFiles, Told
from grantd_server.cli.app import app
from grantd_server.governance.document import parse_directory
from grantd_server.governance.faults import BundleError, BundleFault


def written(folder: Path, broken: BrokenFiles) -> Path:
    for name, raw in broken.files.items():
        (folder / name).write_bytes(raw)
    for name in broken.folders:
        (folder / name).mkdir()
    for name, target in broken.links:
        (folder / name).symlink_to(target)
    return folder


def place(folder: Path, told: Told) -> tuple[str, int, int] | None:
    """Where the text stands; None: anywhere in the file."""
    if not told.at:
        return None
    text = (folder / told.file).read_bytes().decode("latin-1")
    assert text.count(told.at) == 1, told.at
    before = text[: text.index(told.at)]
    return told.file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def refused(folder: Path) -> tuple[BundleFault, ...]:
    with pytest.raises(BundleError) as found:
        parse_directory(folder)
    return found.value.errors


@pytest.mark.parametrize("broken", BROKEN_FILES, ids=lambda broken: broken.name)
def test_every_fault_is_told_with_its_place_and_what_to_do(tmp_path: Path, broken: BrokenFiles) -> None:
    errors = refused(written(tmp_path, broken))

    for told in broken.told:
        there = place(tmp_path, told)
        lines = [e for e in errors if (e.file, e.line, e.column) == there or (there is None and told.file in e.file)]
        assert any(all(word in str(line) for word in told.words) for line in lines), [str(error) for error in errors]
    assert "hunter2" not in str(errors)
    assert len(errors) <= len(broken.told) + 2, [str(error) for error in errors]


@pytest.mark.parametrize("sound", SOUND_FILES, ids=lambda sound: sound.name)
def test_what_only_looks_broken_is_read(tmp_path: Path, sound: BrokenFiles) -> None:
    assert parse_directory(written(tmp_path, sound)).json


def test_the_command_ends_without_a_traceback(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["policy", "validate", str(written(tmp_path, BROKEN_FILES[-1]))])

    assert ended.exit_code == 1
    assert isinstance(ended.exception, SystemExit)
