"""The directory of keys: what lies beside the keys, and who may not be waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from grantd_server.keys.files import KeyDirectory
from grantd_server.keys.purpose import Purpose
from grantd_server.keys.rotation import Rotation, Schedule
from grantd_server.keys.stored import KeyFileFault

if TYPE_CHECKING:
    from pathlib import Path

IDP = "https://idp.example/acme"
NOW = 1_700_000_000


@pytest.fixture
def directory(tmp_path: Path) -> KeyDirectory:
    found = KeyDirectory(tmp_path / "keys")
    found.make()
    Rotation(found, Schedule()).create(IDP, Purpose.GRANT_SIGNING, "ES256", NOW)
    return found


@pytest.mark.parametrize("name", ["README", "grant.json.bak", ".grant.json", ".grant.json.swp", "..2026_11_21"])
def test_what_is_no_key_file_is_left_alone(directory: KeyDirectory, name: str) -> None:
    (directory.path / name).write_text("no key")

    assert len(directory.read()) == 1
    assert (directory.path / name).read_text() == "no key"


def test_keys_that_cannot_be_locked_are_read_and_not_changed(directory: KeyDirectory) -> None:
    lock = directory.path / ".lock"
    lock.unlink()
    lock.mkdir()  # cannot be opened as a lock, as in a directory that is mounted read-only

    assert len(directory.read()) == 1
    with pytest.raises(KeyFileFault, match="cannot be changed"):
        Rotation(directory, Schedule()).create(IDP, Purpose.GRANT_SIGNING, "ES256", NOW)
    assert len(directory.read()) == 1
