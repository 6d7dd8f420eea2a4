"""The typed client of GovernanceService, both twins, at a real service over mTLS."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import organisation as org
from administrators_ import WAYS, Offices, house_offices
from case_files import changed
from grantd.administration import BundleInvalid, BundleMoved, Directory, PolicyTestsFailed, Refused
from grantd.administration.governance.results import Activated, Block, Progress, Simulation
from grantd_server.model.caller import Role
from leg_one import exchanged
from leg_two import redeemed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from house import House

WHO = "spiffe://corp.example/admin"
NARROWER = {"grants.grants.0.scopes": ["files:read"], "grants.grants.0.resources": ["partner-mcp"]}
TESTS = """
people: {writer: {provider: corp, groups: [engineering], roles: []}}
client: desk
tests: [{name: tickets are read, who: writer, resource: tickets, expect: {tickets:read: yes}}]
"""


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
async def open_house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[House, Offices]]:
    async with house_offices(tmp_path, org.bundle(), request.param) as opened:
        yield opened


@pytest.fixture
def house(open_house: tuple[House, Offices]) -> House:
    return open_house[0]


@pytest.fixture
def offices(open_house: tuple[House, Offices]) -> Offices:
    return open_house[1]


def directory(tmp_path: Path, change: dict[str, Any], tests: str = "") -> Path:
    folder = org.write(tmp_path / "candidate", changed(org.bundle(), change))
    if tests:
        (folder / "tests").mkdir()
        (folder / "tests" / "tickets.yaml").write_text(tests)
    return folder


@pytest.mark.req("F-48")
async def test_a_directory_is_tried_and_then_put_in_force_on_record(
    offices: Offices, house: House, tmp_path: Path
) -> None:
    folder = directory(tmp_path, NARROWER)
    tried = await offices.governance("apply_bundle", folder, dry_run=True)
    assert (tried.activated, tried.epoch, tried.compared_epoch) == (False, 1, 1)
    field = next(each for each in tried.diff.fields if each.field == "scopes")
    assert (field.kind, json.loads(field.after)) == ("changed", ["files:read"])
    assert any(not each.gained and each.resource == "tickets" for each in tried.diff.access)
    assert (tried.replay, tried.tests.total, tried.tests.failures) == (None, 0, ())

    done = await offices.governance("apply_bundle", folder, reason="less", expected_epoch=tried.compared_epoch)
    assert (done.activated, done.epoch, done.version) == (True, 2, tried.version)
    record = await house.record(done.decision_id)
    assert (record["rpc"], record["caller"], record["facts"]["why"]) == ("ApplyBundle", WHO, "less")
    again = await offices.governance("apply_bundle", folder)
    assert (again.activated, again.epoch) == (False, 2)


async def test_a_dry_run_counts_what_would_have_ended_otherwise(offices: Offices, house: House, tmp_path: Path) -> None:
    await exchanged(house)
    folder = directory(tmp_path, NARROWER)
    tried = await offices.governance("apply_bundle", folder, dry_run=True, replay_since=house.now - 60.5)
    assert (tried.replay.changed, tried.replay.undetermined) == (1, 0)


async def test_whoever_is_too_late_learns_who_was_faster(offices: Offices, tmp_path: Path) -> None:
    folder = directory(tmp_path, NARROWER)
    done = await offices.governance("apply_bundle", folder)
    for method, args in (
        ("apply_bundle", {"directory": org.write(tmp_path / "mine", org.bundle())}),
        ("activate_bundle", {"version": done.version, "reason": "late"}),
    ):
        with pytest.raises(BundleMoved) as caught:
            await offices.governance(method, **args, expected_epoch=1)
        moved = caught.value
        assert (moved.code, moved.reason) == ("ABORTED", "BUNDLE_MOVED")
        assert (moved.epoch, moved.version, moved.author) == (2, done.version, WHO)
        assert abs(moved.activated - time.time()) < 60
        assert moved.decision_id is not None


async def test_what_is_no_bundle_is_told_by_place(offices: Offices, tmp_path: Path) -> None:
    folder = directory(tmp_path, {})
    (folder / "more.yaml").write_text("resurces: {}\n")
    for method, given in (("apply_bundle", {}), ("simulate", {"since": time.time() - 60})):
        with pytest.raises(BundleInvalid) as caught:
            await offices.governance(method, folder, **given)
        (fault,) = caught.value.faults
        assert fault.startswith("more.yaml:1:1: ")
        assert "resurces" in fault
        assert str(caught.value) == fault


async def test_failing_policy_tests_keep_a_directory_out_unless_it_is_forced(offices: Offices, tmp_path: Path) -> None:
    folder = directory(tmp_path, NARROWER, TESTS)
    tried = await offices.governance("apply_bundle", folder, dry_run=True)
    assert (tried.tests.total, tried.tests.failed) == (1, 1)
    with pytest.raises(PolicyTestsFailed, match=r"\A1 of 1 policy tests fail") as caught:
        await offices.governance("apply_bundle", folder)
    (failure,) = caught.value.applied.tests.failures
    assert failure.place.startswith("tests/tickets.yaml:4:")
    assert caught.value.applied.diff == tried.diff
    assert (await offices.governance("get_bundle")).epoch == 1
    forced = await offices.governance("apply_bundle", folder, force=True, reason="on Monday")
    assert (forced.activated, forced.epoch, forced.tests.failed) == (True, 2, 1)
    again = await offices.governance("apply_bundle", folder)
    assert (again.activated, again.tests.failed) == (False, 1), "it is in force: nothing was kept out"


async def test_versions_are_listed_read_compared_and_put_in_force_again(offices: Offices, tmp_path: Path) -> None:
    done = await offices.governance("apply_bundle", directory(tmp_path, NARROWER), reason="less")
    listed = await offices.governance("list_bundles")
    newer, older = sorted(listed, key=lambda each: each.epoch, reverse=True)
    assert (newer.version, newer.author, newer.reason, newer.active) == (done.version, WHO, "less", True)
    assert (newer.epoch, newer.activated_by) == (2, WHO)
    assert (older.epoch, older.active) == (1, False)
    (one,) = await offices.governance("list_bundles", 1)
    assert one in listed  # of one second, which of them comes first is a matter of the page
    assert await offices.governance("list_bundles", limit=0) == []

    found = await offices.governance("get_bundle", older.version)
    assert (found.version, found.epoch) == (older.version, 2)
    assert found.content()["grants"]["grants"][0]["id"]
    assert "grants" not in repr(found)
    diff = await offices.governance("diff_bundles", older.version, newer.version)
    assert (diff.from_version, diff.to_version) == (older.version, newer.version)
    assert diff == done.diff
    assert (await offices.governance("diff_bundles", older.version)).to_version == newer.version

    back = await offices.governance("activate_bundle", older.version, reason="too much", expected_epoch=2)
    assert (back.epoch, back.changed) == (3, True)
    again = await offices.governance("activate_bundle", older.version, reason="x")
    assert again == Activated(3, False, again.decision_id)


async def test_a_simulation_tells_what_would_change_and_how_far_it_is(
    offices: Offices, house: House, tmp_path: Path
) -> None:
    found = await exchanged(house)
    folder, told = directory(tmp_path, NARROWER), []
    since = house.now - 3600
    given = {
        "since": since,
        "until": house.now + 60.5,
        "progress": lambda done, total: told.append(Progress(done, total)),
    }
    result = await offices.governance("simulate", folder, **given)
    assert isinstance(result, Simulation)
    assert (result.replayed, result.changed, result.same, result.undetermined) == (1, 1, 0, 0)
    (change,) = result.changes
    assert (change.allowed, change.client, change.resource, change.scope) == (False, "desk", "tickets", "tickets:read")
    assert change.examples == (found.id,)
    assert (result.undetermined_by, result.skipped_by, result.more_changes) == ({}, {}, 0)
    assert all(each.done <= each.total for each in told)

    (version,) = [each.version for each in await offices.governance("list_bundles")]
    same = await offices.governance("simulate", version=version, since=since, until=house.now + 60)
    assert (same.replayed, same.changed) == (1, 0)
    for neither in ({}, {"directory": folder, "version": version}):
        with pytest.raises(ValueError, match="one of the two"):
            await offices.governance("simulate", **neither, since=since)


async def test_a_block_is_set_listed_and_lifted(offices: Offices, house: House) -> None:
    until = house.now + 3600.2
    act = await offices.governance("block", "client", "desk", reason="stolen laptop", until=until)
    record = await house.record(act)
    assert (record["rpc"], record["facts"]["why"]) == ("Block", "stolen laptop")
    await offices.governance("block", "user", "corp:ada", reason="left")
    desk, ada = await offices.governance("list_blocks")
    assert desk == Block("client", "desk", "stolen laptop", int(until) + 1, WHO, desk.since)
    assert ada == Block("user", "corp:ada", "left", None, WHO, ada.since)
    assert abs(desk.since - house.now) < 30
    assert (await exchanged(house)).answer is None
    lifted = await offices.governance("unblock", "client", "desk", reason="found")
    assert (await house.record(lifted))["rpc"] == "Unblock"
    assert [block.kind for block in await offices.governance("list_blocks", limit=5)] == ["user"]
    with pytest.raises(Refused) as caught:
        await offices.governance("unblock", "client", "desk", reason="found")
    assert (caught.value.code, caught.value.reason) == ("NOT_FOUND", "NOT_FOUND")


async def test_a_name_that_nobody_has_is_blocked_only_on_demand(offices: Offices) -> None:
    with pytest.raises(Refused) as caught:
        await offices.governance("block", "client", "desc", reason="stolen")
    assert (caught.value.code, caught.value.reason) == ("FAILED_PRECONDITION", "NOT_GOVERNED")
    assert "desk" in caught.value.nearest
    await offices.governance("block", "client", "desc", reason="stolen", unlisted=True)
    assert [block.name for block in await offices.governance("list_blocks")] == ["desc"]


async def test_a_block_of_the_past_is_no_block_without_an_end(offices: Offices) -> None:
    for until in (0, 1_000, -3):
        with pytest.raises(Refused) as caught:
            await offices.governance("block", "client", "desk", reason="x", until=until)
        assert (caught.value.code, caught.value.fields) == ("INVALID_ARGUMENT", ("until",))
    assert await offices.governance("list_blocks") == []


async def test_what_cannot_be_blocked_is_told_before_anything_is_sent(offices: Offices) -> None:
    for method in ("block", "unblock"):
        with pytest.raises(ValueError, match="PLANET"):
            await offices.governance(method, "planet", "earth", reason="x")


async def test_a_chain_is_revoked_with_what_hangs_below(offices: Offices, house: House) -> None:
    issued = await redeemed(house, house.partner_grant())
    revoked = await offices.governance("revoke_chain", issued.id, reason="lost")
    assert (revoked.chain, revoked.tokens) == (issued.record["chain"], 1)
    assert (await house.record(revoked.decision_id))["rpc"] == "RevokeChain"


READS = {
    "list_bundles": {},
    "get_bundle": {},
    "diff_bundles": {},
    "list_blocks": {},
    "simulate": {"version": "b", "since": 1},
}
ACTS = {
    "apply_bundle": {"directory": Directory({"a.yaml": b"{}"})},
    "activate_bundle": {"version": "b", "reason": "x"},
    "block": {"kind": "user", "name": "corp:ada", "reason": "x"},
    "unblock": {"kind": "user", "name": "corp:ada", "reason": "x"},
    "revoke_chain": {"name": "c", "reason": "x"},
}


async def test_acts_are_refused_to_everybody_but_administrators(offices: Offices) -> None:
    everybody = [(method, role) for method in ACTS for role in (Role.AUDITOR, Role.OBSERVER, Role.SERVICE)]
    for method, role in everybody:
        with pytest.raises(Refused) as caught:
            await offices.governance(method, **ACTS[method], role=role)
        assert (caught.value.code, caught.value.reason) == ("PERMISSION_DENIED", "CALLER_NOT_ALLOWED")
    assert await offices.governance("list_blocks") == []


async def test_reads_are_for_auditors_and_not_for_observers(offices: Offices) -> None:
    for method, given in READS.items():
        with pytest.raises(Refused) as caught:
            await offices.governance(method, **given, role=Role.OBSERVER)
        assert caught.value.code == "PERMISSION_DENIED"
        if method != "simulate":
            await offices.governance(method, **given, role=Role.AUDITOR)
    with pytest.raises(Refused) as caught:
        await offices.governance("simulate", version="b", since=1, role=Role.AUDITOR)
    assert caught.value.code == "NOT_FOUND", "asked, and no such version"


async def test_a_bundle_need_not_be_on_a_disk(offices: Offices) -> None:
    files = {"all.yaml": yaml.safe_dump(changed(org.bundle(), NARROWER)).encode()}
    assert (await offices.governance("apply_bundle", Directory(files))).epoch == 2
