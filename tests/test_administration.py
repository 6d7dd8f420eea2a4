"""What administrators ask of the service: every act on record, every refusal in its place."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from grantd.v1 import governance_pb2 as pb
from grantd.v1.governance_pb2_grpc import GovernanceServiceStub
from grantd_server.administration.desk import Desk
from grantd_server.model.caller import Caller, Role
from grantd_server.rpc.chain.edge import Edge
from grantd_server.rpc.inprocess import InProcessChannel
from grantd_server.simulation.report.result import Result
from grantd_server.store import Withdrawal
from grantd_server.store.records.ledger import Ledger
from grantd_server.store.sqlite.store import SqliteStore
from grantd_server.wiring.administering import administrative_endpoints
from rpc_toy import Show, see
from store_values import entry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
ADA = "spiffe://corp.example/ada"
NOW = float(int(time.time()))


class Office:
    """Administrators before a service of one store."""

    def __init__(self, store: SqliteStore) -> None:
        self.store, self.ledger, self.now = store, Ledger(store, lambda: NOW), NOW
        self.caught_up = 0
        self.faults: list[str] = []
        self._desk = Desk(store, self.ledger, lambda: NOW, lambda _: self.faults, self._catch_up)
        self.replace()

    def replace(self, **parts: Any) -> None:
        desk = replace(self._desk, **parts)
        self.endpoints = administrative_endpoints(desk, Edge(self.ledger, Show(), self._clock))

    def _clock(self) -> float:
        """Goes on with every call, so that records have an order."""
        self.now += 0.01
        return self.now

    async def _catch_up(self) -> None:
        self.caught_up += 1

    def asked_by(self, identity: str = ADA, role: Role = Role.ADMIN) -> GovernanceServiceStub:
        return GovernanceServiceStub(InProcessChannel(self.endpoints, Caller(identity, role)))

    async def newest(self) -> dict[str, Any]:
        # Not by their ids: those of one millisecond are in no order.
        (*_, stored) = [each async for each in self.store.history()]
        return json.loads(stored.entry.body)

    async def put(self, *versions: str) -> None:
        for version in versions:
            await self.store.put_bundle(version, json.dumps({"format": 1, "v": version}).encode(), ADA, "put")


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    store = SqliteStore.open(tmp_path / "grantd.db")
    yield Office(store)
    await store.close()


def upload(files: dict[str, str], **options: Any) -> Iterator[pb.ApplyBundleRequest]:
    yield pb.ApplyBundleRequest(options=pb.ApplyBundleOptions(**options))
    for path, content in files.items():
        yield pb.ApplyBundleRequest(piece=pb.BundleFilePiece(path=path, content=content.encode()))


async def refused(call: Any) -> tuple[str, str]:
    seen = await see(call)
    assert seen.code is not grpc.StatusCode.OK
    return seen.code.name, seen.info.reason


async def test_what_was_never_stored_is_not_found(office: Office) -> None:
    stub = office.asked_by()
    asked = pb.ActivateBundleRequest(version="b1", reason="why")
    assert await refused(stub.ActivateBundle(asked)) == ("NOT_FOUND", "NOT_FOUND")
    record = await office.newest()
    assert record["reason"] == "NOT_ON_RECORD"
    assert (record["caller"], record["role"], record["outcome"]) == (ADA, "admin", "refused")
    assert (await refused(stub.GetBundle(pb.GetBundleRequest())))[0] == "NOT_FOUND"
    assert (await refused(stub.DiffBundles(pb.DiffBundlesRequest())))[0] == "NOT_FOUND"


async def test_who_was_too_late_learns_who_was_faster(office: Office) -> None:
    await office.put("b1", "b2")
    await office.asked_by("bob").ActivateBundle(pb.ActivateBundleRequest(version="b1", reason="first"))
    late = pb.ActivateBundleRequest(version="b2", reason="late", expected_epoch=0)
    seen = await see(office.asked_by().ActivateBundle(late))
    assert (seen.code.name, seen.info.reason) == ("ABORTED", "BUNDLE_MOVED")
    told = dict(seen.info.metadata)
    assert (told["epoch"], told["version"], told["author"]) == ("1", "b1", "bob")
    assert int(told["activated"]) > 0
    record = await office.newest()
    assert record["reason"] == "EPOCH_MOVED"
    assert record["facts"] == {"expected": "0", "got": "1"}
    assert (await office.store.active_bundle())[:2] == (1, "b1")


@pytest.mark.parametrize("wanted", ["b2", "b3"])
async def test_of_two_who_flip_at_once_one_learns_of_the_other_unless_they_want_the_same(
    office: Office, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    """Bob is faster by less than the call takes: what was read is no longer in force when it is written."""
    await office.put("b1", "b2", "b3")
    await office.asked_by().ActivateBundle(pb.ActivateBundleRequest(version="b1", reason="first"))
    activate = office.store.activate

    async def late(*given: Any, **more: Any) -> int:
        monkeypatch.setattr(office.store, "activate", activate)
        await office.asked_by("bob").ActivateBundle(pb.ActivateBundleRequest(version="b2", reason="mine"))
        return await activate(*given, **more)

    monkeypatch.setattr(office.store, "activate", late)
    seen = await see(office.asked_by().ActivateBundle(pb.ActivateBundleRequest(version=wanted, reason="me too")))
    assert (await office.store.active_bundle())[:2] == (2, "b2")
    if wanted == "b2":
        assert (seen.answer.epoch, (await office.newest())["caller"]) == (2, "bob"), "one act, one record"
    else:
        assert (seen.info.reason, seen.info.metadata["author"]) == ("BUNDLE_MOVED", "bob")


async def test_of_two_versions_of_one_second_the_later_in_force_is_listed_first(office: Office) -> None:
    await office.put("b1", "b2", "b3")
    for version in ("b3", "b1", "b2"):
        await office.asked_by().ActivateBundle(pb.ActivateBundleRequest(version=version, reason="why"))
    stored = {each.version: each.written for each in await office.store.bundles(9)}
    listed = [each.version for each in (await office.asked_by().ListBundles(pb.ListBundlesRequest())).bundles]
    order = {"b3": 1, "b1": 2, "b2": 3}
    assert listed == sorted(order, key=lambda name: (stored[name], order[name]), reverse=True)


async def test_an_epoch_that_never_was_is_not_in_force(office: Office) -> None:
    await office.put("b1")
    late = pb.ActivateBundleRequest(version="b1", reason="late", expected_epoch=5)
    seen = await see(office.asked_by().ActivateBundle(late))
    assert (seen.info.reason, "author" in seen.info.metadata) == ("BUNDLE_MOVED", False)
    assert (await office.newest())["facts"] == {"expected": "5", "got": "0"}


SAMPLE = {file.name: file.read_text() for file in sorted((Path(__file__).parent / "small_company").glob("*.yaml"))}


async def applied(office: Office, files: dict[str, str] | None = None, **options: Any) -> pb.ApplyBundleResponse:
    return await office.asked_by().ApplyBundle(upload(files or SAMPLE, **options))


def without_finance() -> dict[str, str]:
    return SAMPLE | {"rules.yaml": SAMPLE["rules.yaml"].replace("corp:finance", "corp:audit")}


async def test_a_directory_is_put_in_force_on_record(office: Office) -> None:
    done = await applied(office, reason="the first")
    assert (done.activated, done.epoch, done.compared_epoch) == (True, 1, 0)
    assert office.caught_up == 1
    record = await office.newest()
    assert (record["rpc"], record["outcome"], record["caller"]) == ("ApplyBundle", "applied", ADA)
    facts = {"author": ADA, "why": "the first", "version": done.version, "replaces": ""}
    assert record["facts"] == facts
    again = await applied(office)
    assert (again.activated, again.epoch, again.version) == (False, 1, done.version)
    assert len(await office.store.entries(limit=9)) == 1


async def test_a_dry_run_tells_who_gains_and_who_loses_and_changes_nothing(office: Office) -> None:
    await applied(office)
    tried = await applied(office, without_finance(), dry_run=True)
    assert (tried.activated, tried.epoch, tried.compared_epoch) == (False, 1, 1)
    (field,) = tried.diff.fields
    assert (field.kind, field.before, field.after) == ("changed", '["corp:finance"]', '["corp:audit"]')
    assert {(each.gained, each.subject) for each in tried.diff.access} == {
        (True, "group corp:audit"),
        (False, "group corp:finance"),
    }
    assert not tried.HasField("replay")
    assert await office.store.bundle(tried.version) is None
    assert (await office.store.active_bundle())[0] == 1


async def test_a_dry_run_counts_the_decisions_that_would_change(office: Office) -> None:
    asked = []

    class Seven:
        async def simulate(self, document: bytes, since: float, until: float, **_: Any) -> Result:
            asked.append((json.loads(document)["format"], since, until))
            return Result(replayed=20, same=11, changed=7, undetermined=2)

    await applied(office)
    office.replace(simulator=Seven())
    tried = await applied(office, dry_run=True, replay_since=1_789_000_000)
    assert (tried.replay.changed, tried.replay.undetermined) == (7, 2)
    assert asked == [(1, 1_789_000_000, NOW)]
    assert not (await applied(office, dry_run=True)).HasField("replay")
    office.replace(simulator=None)
    tried = await applied(office, dry_run=True, replay_since=1_789_000_000)
    assert (tried.HasField("replay"), tried.activated) == (False, False), "nothing can be replayed here"


LEDGER = """
people: {accountant: {provider: corp, groups: [finance], roles: []}}
client: desk-agent
tests: [{name: the books are read by finance, who: accountant, resource: ledger, expect: {ledger.read: yes}}]
"""


async def test_a_directory_whose_policy_tests_fail_is_put_in_force_only_by_force_and_on_record(office: Office) -> None:
    assert (await applied(office, SAMPLE | {"tests/ledger.yaml": LEDGER})).activated
    worse = without_finance() | {"tests/ledger.yaml": LEDGER}
    kept = await applied(office, worse)
    assert (kept.activated, kept.epoch, kept.tests.total) == (False, 1, 1)
    (failure,) = kept.tests.failures
    assert failure.place.startswith("tests/ledger.yaml:4:")
    assert "ledger.read" in failure.expected + failure.got
    assert await office.store.bundle(kept.version) is None
    forced = await applied(office, worse, force=True, reason="the books move on Monday")
    assert (forced.activated, forced.epoch) == (True, 2)
    record = await office.newest()
    assert record["facts"]["failing_tests"] == "1"
    assert (record["facts"]["why"], record["facts"]["author"]) == ("the books move on Monday", ADA)


async def test_faults_are_told_by_place_and_nothing_else_is(office: Office) -> None:
    broken = SAMPLE | {"sub/rules.yaml": "grants:\n  northwind:\n    - {id: x, resurces: []}\n"}
    found = await applied(office, broken)
    assert any(fault.startswith("sub/rules.yaml:3:") and "resurces" in fault for fault in found.faults)
    assert "grantd-" not in "".join(found.faults), "where the files lay for a moment"
    assert found == pb.ApplyBundleResponse(faults=found.faults)
    assert (await office.asked_by().ApplyBundle(upload({}))).faults
    office.faults = ["A key is missing."]
    assert list((await applied(office)).faults) == ["A key is missing."]
    assert await office.store.active_bundle() is None


UPLOADS = {
    "no options": ([{"piece": {"path": "a.yaml"}}], "PARAMETER_MISSING"),
    "nothing": ([], "PARAMETER_MISSING"),
    "options twice": ([{"options": {}}, {"options": {}}], "PARAMETER_INVALID"),
    "a file gone on from": (
        [{"options": {}}, *({"piece": {"path": path}} for path in ("a.yaml", "b.yaml", "a.yaml"))],
        "PARAMETER_REPEATED",
    ),
    **{
        f"path {path!r}": ([{"options": {}}, {"piece": {"path": path}}], "PARAMETER_INVALID")
        for path in (
            "", "/a.yaml", "../a.yaml", "a/../b.yaml", "a//b.yaml", "a.txt", ".a.yaml", "a/.b/c.yaml", "a\\b.yaml",
            "a\n.yaml", "c:a.yaml", "a/" * 300 + "b.yaml", "x" * 600 + ".yaml",
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", UPLOADS)
async def test_an_upload_that_is_no_directory_is_refused(office: Office, name: str) -> None:
    messages, reason = UPLOADS[name]
    call = office.asked_by().ApplyBundle(iter([pb.ApplyBundleRequest(**message) for message in messages]))
    assert (await refused(call))[1] == reason
    field = "options" if reason == "PARAMETER_MISSING" else "piece" if name == "options twice" else "piece.path"
    assert (await office.newest())["facts"]["field"] == field


async def test_no_more_files_are_taken_than_a_bundle_has(office: Office) -> None:
    files = {f"f{number}.yaml": "" for number in range(2001)}
    assert (await refused(office.asked_by().ApplyBundle(upload(files))))[1] == "BODY_TOO_LARGE"


@pytest.mark.parametrize("act", ["activate", "block", "unblock", "revoke"])
@pytest.mark.parametrize("why", ["", "  ", "x" * 257, "two\nlines"])
async def test_no_act_is_without_a_reason(office: Office, act: str, why: str) -> None:
    await office.put("b1")
    stub = office.asked_by()
    calls = {
        "activate": lambda: stub.ActivateBundle(pb.ActivateBundleRequest(version="b1", reason=why)),
        "block": lambda: stub.Block(pb.BlockRequest(kind=pb.BLOCK_KIND_CLIENT, name="a", reason=why)),
        "unblock": lambda: stub.Unblock(pb.UnblockRequest(kind=pb.BLOCK_KIND_CLIENT, name="a", reason=why)),
        "revoke": lambda: stub.RevokeChain(pb.RevokeChainRequest(id="0" * 64, reason=why)),
    }
    code, _ = await refused(calls[act]())
    assert code == "INVALID_ARGUMENT"
    assert (await office.newest())["outcome"] == "refused"


async def test_a_version_that_cannot_be_used_any_more_is_not_put_in_force(office: Office) -> None:
    await office.put("b1")
    office.faults = ["A secret is gone."]
    stub = office.asked_by()
    done = await stub.ActivateBundle(pb.ActivateBundleRequest(version="b1", reason="why"))
    assert (list(done.faults), done.changed) == (["A secret is gone."], False)
    assert await office.store.active_bundle() is None
    assert (await refused(stub.ActivateBundle(pb.ActivateBundleRequest(reason="why"))))[1] == "PARAMETER_MISSING"


async def test_a_decision_on_no_chain_names_none_to_revoke(office: Office) -> None:
    await applied(office)
    act = (await office.newest())["id"]
    assert await refused(office.asked_by().RevokeChain(pb.RevokeChainRequest(id=act, reason="r"))) == (
        "NOT_FOUND",
        "NOT_FOUND",
    )
    record = await office.newest()
    assert (record["reason"], record["facts"]["chain"]) == ("NOT_ON_RECORD", "none")


async def test_a_document_comes_in_pieces_and_whole(office: Office) -> None:
    document = json.dumps({"format": 1, "v": "x" * 150_000}).encode()
    await office.store.put_bundle("b1", document, ADA, "large")
    stub = office.asked_by("eve", Role.AUDITOR)
    pieces = [piece async for piece in stub.GetBundle(pb.GetBundleRequest(version="b1"))]
    assert len(pieces) == 3
    assert b"".join(piece.document for piece in pieces) == document
    assert {piece.version for piece in pieces} == {"b1"}


async def test_lists_come_in_pages(office: Office) -> None:
    await office.put(*(f"b{number}" for number in range(5)))
    stub, found, token = office.asked_by("eve", Role.AUDITOR), [], ""
    for size in (2, 2, 1):
        page = await stub.ListBundles(pb.ListBundlesRequest(page_size=2, page_token=token))
        assert len(page.bundles) == size
        found += [each.version for each in page.bundles]
        token = page.next_page_token
    assert (sorted(found), token) == ([f"b{number}" for number in range(5)], "")
    for number in range(5):
        request = pb.BlockRequest(
            kind=pb.BLOCK_KIND_CLIENT, name=f"c{number}", reason="why", until=int(NOW) + 900, unlisted=True
        )
        await office.asked_by().Block(request)
    names, token = [], ""
    for size in (2, 2, 1):
        page = await stub.ListBlocks(pb.ListBlocksRequest(page_size=2, page_token=token))
        assert len(page.blocks) == size
        names += [each.name for each in page.blocks]
        token = page.next_page_token
    assert (names, token) == ([f"c{number}" for number in range(5)], "")


@pytest.mark.parametrize("token", ["!", "YWJj", "LTE6eA==", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5Ong="])
async def test_a_page_that_nobody_named_is_refused(office: Office, token: str) -> None:
    stub = office.asked_by()
    assert (await refused(stub.ListBundles(pb.ListBundlesRequest(page_token=token))))[1] == "PARAMETER_INVALID"
    assert (await refused(stub.ListBlocks(pb.ListBlocksRequest(page_size=-1))))[1] == "PARAMETER_INVALID"


BLOCKS = {
    "no kind": {"name": "a", "reason": "r"},
    "a kind of a newer release": {"kind": 99, "name": "a", "reason": "r"},
    "no name": {"kind": pb.BLOCK_KIND_CLIENT, "reason": "r"},
    "a name of two lines": {"kind": pb.BLOCK_KIND_CLIENT, "name": "a\nb", "reason": "r"},
    "a name without end": {"kind": pb.BLOCK_KIND_CLIENT, "name": "a" * 2049, "reason": "r"},
    "a user by address": {"kind": pb.BLOCK_KIND_USER, "name": "corp:mailto:a@b.example", "reason": "r"},
    "an end that is over": {"kind": pb.BLOCK_KIND_CLIENT, "name": "a", "reason": "r", "until": int(NOW)},
}


@pytest.mark.parametrize("name", BLOCKS)
async def test_a_block_that_could_not_hold_is_refused(office: Office, name: str) -> None:
    code, _ = await refused(office.asked_by().Block(pb.BlockRequest(**BLOCKS[name])))
    assert code == "INVALID_ARGUMENT"
    assert (await office.store.live_state(0)).withdrawals == ()


async def test_blocks_that_ended_are_neither_listed_nor_lifted(office: Office) -> None:
    await office.store.withdraw(Withdrawal("client", "a", "why", 1000), entry("w1"))
    await office.store.withdraw(Withdrawal("restored", "1000", "not ours", None), entry("w2"))
    stub = office.asked_by()
    assert list((await stub.ListBlocks(pb.ListBlocksRequest())).blocks) == []
    gone = pb.UnblockRequest(kind=pb.BLOCK_KIND_CLIENT, name="a", reason="r")
    assert await refused(stub.Unblock(gone)) == ("NOT_FOUND", "NOT_FOUND")


async def test_refusals_of_those_who_look_on_are_durable_too(office: Office) -> None:
    stub = office.asked_by("eve", Role.AUDITOR)
    request = pb.BlockRequest(kind=pb.BLOCK_KIND_CLIENT, name="a", reason="r")
    assert (await refused(stub.Block(request)))[0] == "PERMISSION_DENIED"
    record = await office.newest()
    assert (record["caller"], record["role"], record["reason"]) == ("eve", "auditor", "CALLER_NOT_ALLOWED")
