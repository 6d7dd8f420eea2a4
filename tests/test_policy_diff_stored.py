"""`grantd policy diff` of what is stored: versions and what is in force, here and at a service."""

from __future__ import annotations

import re
import shutil

import pytest

from command_line import SAMPLE, environ_of, house_at, lines, runner
from grantd_server.model.caller import Role
from grantd_server.store.sqlite.store import SqliteStore
from rpc_toy import Toy
from test_administration import Office
from test_cli_remote import told

GAINED = "gained group corp:audit: ledger.read at ledger through desk-agent; no rule -> finance-reads-the-ledger, tools-honours-northwind"
LOST = "lost   group corp:finance: ledger.read at ledger through desk-agent; finance-reads-the-ledger, tools-honours-northwind -> no rule"
NOBODY = ["Nobody gains and nobody loses."]
UNKNOWN = "b" + "0" * 32


@pytest.fixture
def place(tmp_path):
    """A place with what was before in `before`, and what is in `governance`."""
    house = house_at(tmp_path)
    shutil.copytree(house / "governance", house / "before")
    rules = house / "governance" / "rules.yaml"
    rules.write_text(rules.read_text().replace("corp:finance", "corp:audit"))
    return house


@pytest.fixture
def run(place):
    return runner(place)


def applied(run, directory):
    return re.search(r"b[0-9a-f]{32}", lines(run("apply", directory))[-1])[0]


def test_stored_versions_stand_where_directories_do(place, run):
    older, newer = applied(run, place / "before"), applied(run, place / "governance")
    for old in (older, place / "before"):
        for new in (newer, "active", place / "governance"):
            assert lines(run("policy", "diff", old, new)) == [GAINED, LOST], (old, new)
    assert lines(run("policy", "diff", newer, "active")) == NOBODY
    assert lines(run("policy", "diff", older, older)) == NOBODY
    assert run("policy", "diff", older, newer, "--csv").stdout.count("\n") == 3
    run("rollback", older, "-m", "back")
    assert lines(run("policy", "diff", older, "active")) == NOBODY


def test_two_directories_need_neither_settings_nor_store(place, run):
    assert lines(run("policy", "diff", place / "before", place / "governance", GRANTD_CONFIG="")) == [GAINED, LOST]
    assert not (place / "grantd.db").exists()


def test_a_directory_of_the_name_is_meant_before_what_is_stored(place, run, monkeypatch):
    version = applied(run, place / "before")
    monkeypatch.chdir(place)
    for name in ("active", version):
        shutil.copytree(place / "governance", place / name)
        assert lines(run("policy", "diff", "before", name)) == [GAINED, LOST]


@pytest.mark.parametrize("side", [0, 1])
def test_what_is_not_there_is_told_in_one_sentence(place, run, side):
    run("db", "upgrade")

    def refused(bundle):
        pair = [place / "before", place / "before"]
        pair[side] = bundle
        return run("policy", "diff", *pair, code=1).stderr

    assert refused("active") == "No bundle is in force.\n"
    assert refused(UNKNOWN) == f"There is no version {UNKNOWN} on record.\n"
    for typo in ("gouvernance", UNKNOWN[:-1], UNKNOWN.upper(), f"{UNKNOWN}0"):
        assert refused(typo) == f"{typo!r} is no directory, and no version as `grantd versions` shows it.\n"


def test_without_a_store_a_version_is_nowhere(place, run):
    assert run("policy", "diff", UNKNOWN, place / "before", code=2).stderr.endswith("grantd.db does not exist.\n")


@pytest.mark.req("F-48")
async def test_with_a_server_versions_are_those_of_the_service(place, tmp_path, monkeypatch):
    for name, value in environ_of(place).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GRANTD_CONFIG")
    store = SqliteStore.open(tmp_path / "elsewhere.db")
    office, toy = Office(store), Toy()
    toy.endpoints = office.endpoints
    before, after = str(SAMPLE), str(place / "governance")
    async with toy.served(tmp_path) as server:

        async def diff(*pair, role=Role.AUDITOR):
            return await told(server.ports[0], tmp_path, role, "policy", "diff", *pair)

        assert await diff("active", before) == (1, "", "No bundle is in force.\n")
        _, out, _ = await told(server.ports[0], tmp_path, Role.ADMIN, "apply", before)
        version = re.search(r"b[0-9a-f]{32}", out.splitlines()[-1])[0]
        for old in ("active", version):
            assert await diff(old, after) == (0, f"{GAINED}\n{LOST}\n", "")
        assert await diff(UNKNOWN, version) == (1, "", f"There is no version {UNKNOWN} on record.\n")
        code, _, err = await diff("active", after, role=Role.OBSERVER)
        assert (code, err.splitlines()[0]) == (1, "the caller may not call this method.")
        entries = [each.entry.rpc async for each in store.history()]
    assert entries == ["GetBundle", "ApplyBundle", "GetBundle", "GetBundle"], "reading is not on record, refusals are"
    await store.close()
