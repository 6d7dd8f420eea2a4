"""Applying a bundle when others do so, too."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import organisation as org
from grantd_server.governance.activation.apply import apply
from grantd_server.governance.document import Document, parse_directory
from grantd_server.store import Conflict
from grantd_server.store.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path


def document(folder: Path, scope: str = "tickets:read") -> Document:
    bundle = org.bundle()
    bundle["grants"]["grants"][0]["scopes"] = [scope]
    return parse_directory(org.write(folder / scope.replace(":", "-"), bundle))


async def test_two_that_apply_one_directory_at_once_have_both_what_they_asked_for(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "grantd.db")
    try:
        same = document(tmp_path)
        first, second = await asyncio.gather(*(apply(store, same, who, "start", 0.0) for who in ("a", "b")))
        assert {first.epoch, second.epoch} == {1}
        assert sorted([first.changed, second.changed]) == [False, True]
        assert first.version == second.version
    finally:
        await store.close()


async def test_of_two_that_apply_different_directories_at_once_one_hears_of_the_other(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "grantd.db")
    try:
        both = [document(tmp_path), document(tmp_path, "tickets:write")]
        outcomes = await asyncio.gather(*(apply(store, each, "a", "", 0.0) for each in both), return_exceptions=True)
        assert [type(each).__name__ for each in outcomes].count("Applied") == 1
        (conflict,) = [each for each in outcomes if isinstance(each, Conflict)]
        assert "the epoch is no longer 0" in str(conflict)
    finally:
        await store.close()


async def test_who_puts_a_bundle_in_force_and_why_is_known_afterwards(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path / "grantd.db")
    try:
        applied = await apply(store, document(tmp_path), "serve", "start with governance", 0.0)
        found = await store.activation()
        assert found is not None
        assert (found.epoch, found.version, found.author) == (1, applied.version, "serve")
        (stored,) = await store.bundles(10)
        assert (stored.activated_by, stored.why) == ("serve", "start with governance")
    finally:
        await store.close()
