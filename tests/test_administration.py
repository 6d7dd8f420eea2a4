"""What administrators ask of the service: every act on record, every refusal in its place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from grantd.v1 import governance_pb2 as pb
from grantd.v1.governance_pb2_grpc import GovernanceServiceStub
from grantd_server.administration.desk import Desk
from grantd_server.model.caller import Caller, Role
from grantd_server.rpc.chain.edge import Edge
from grantd_server.rpc.inprocess import InProcessChannel
from grantd_server.store.records.ledger import Ledger
from grantd_server.store.sqlite.store import SqliteStore
from grantd_server.wiring.administering import administrative_endpoints
from rpc_toy import Show, see

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

ADA = "spiffe://corp.example/ada"
NOW = 1_790_000_000.0


class Office:
    """Administrators before a service of one store."""

    def __init__(self, store: SqliteStore) -> None:
        self.store, self.ledger, self.caught_up, self.faults = store, Ledger(store, lambda: NOW), 0, []
        desk = Desk(store, self.ledger, lambda: NOW, lambda _: self.faults, self._catch_up)
        self.endpoints = administrative_endpoints(desk, Edge(self.ledger, Show(), lambda: NOW))

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
