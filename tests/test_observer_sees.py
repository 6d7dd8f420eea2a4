"""What an observer is told over the API of records that hold anything; and the field matrix, said a second time."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantd.v1 import decision_pb2 as pb
from grantd.v1.decision_pb2_grpc import DecisionServiceStub
from grantd_server.administration.desk import Desk
from grantd_server.audit.explaining.fields import CHAIN_FIELDS, FIELDS, Viewer
from grantd_server.model.caller import Caller, Role
from grantd_server.refusals import Reason
from grantd_server.rpc.chain.edge import Edge
from grantd_server.rpc.inprocess import InProcessChannel
from grantd_server.store import Write
from grantd_server.store.records.ledger import Ledger
from grantd_server.store.records.reading import following
from grantd_server.store.sqlite.store import SqliteStore
from grantd_server.wiring.administering import administrative_endpoints
from rpc_toy import Show
from store_values import entry

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_FOR_OBSERVERS = {
    "subject", "subject_key", "tenant", "address", "caller", "client_credential", "family", "jti_hash", "token_hash",
    "introspected.token", "checks.expected", "checks.got", "near_misses.expected", "near_misses.got", "inputs", "facts",
}  # fmt: skip
FOR_CLIENTS = {"id", "time", "rpc", "outcome", "told", "sentence", "advice"}
NOT_FOR_OBSERVERS_OF_CHAINS = {"acr", "amr"}
CHAIN = "c" * 64


@pytest.mark.req("G-39")
def test_the_matrix_is_what_it_was_decided_to_be() -> None:
    """Whoever moves a field to another role has to say so here as well."""
    for table, hidden, clients in (
        (FIELDS, NOT_FOR_OBSERVERS, FOR_CLIENTS),
        (CHAIN_FIELDS, NOT_FOR_OBSERVERS_OF_CHAINS, set()),
    ):
        assert all({Viewer.ADMIN, Viewer.AUDITOR} <= roles for roles in table.values())
        assert {name for name, roles in table.items() if Viewer.OBSERVER not in roles} == hidden
        assert {name for name, roles in table.items() if Viewer.CLIENT in roles} == clients


MARKED = st.integers(min_value=10_000, max_value=99_999).map(lambda number: f"zq{number}kx")
"""What no word of ours holds: a person, a claim, a hash."""
HIDDEN = (
    "subject",
    "subject_key",
    "tenant",
    "address",
    "caller",
    "client_credential",
    "family",
    "jti_hash",
    "token_hash",
)


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """A record as any release might have written it, with something of a person wherever one may be."""
    marked = [draw(MARKED) for _ in range(4)]
    one, other, more, last = marked
    read = {"leg": 1, "identity_provider": "corp", "acr": one, "amr": [other], "auth_time": 1_700_000_000}
    read |= {"address": more, "users": {"state": "known", "values": marked}, "claims": {last: {"values": [one]}}}
    body: dict[str, Any] = {
        "rpc": draw(st.sampled_from(["ExchangeIdentity", "RefreshToken", "RedeemGrant", "IntrospectToken", "Block"])),
        "outcome": draw(st.sampled_from(["granted", "refused", "active", "inactive", "revoked", "applied", "failed"])),
        "reason": draw(st.sampled_from(["", "OF_ANOTHER_RELEASE", *Reason.__members__])),
        "time": 1_700_000_000.5,
        "client": "desk",
        "chain": CHAIN,
        "facts": {one: other, "author": more, "why": last, "cause": one},
        "checks": [["step", "name", draw(st.booleans()), one, other], ["policy", "x", False, more, last]],
        "near_misses": [{"rule": "r", "clause": "c", "expected": one, "got": other, "failed": 1}],
        "introspected": [[one, "active"], [other, "inactive"]],
        "inputs": [read] * draw(st.integers(0, 2)),
    }
    body |= {name: draw(st.sampled_from(marked)) for name in HIDDEN}
    left_out = draw(st.sets(st.sampled_from(sorted(body.keys() - {"rpc", "outcome", "chain"}))))
    return {name: value for name, value in body.items() if name not in left_out}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("observer") / "grantd.db"

    async def make() -> None:
        await SqliteStore.open(path).close()

    asyncio.run(make())
    return path


async def _nothing() -> None:
    """Nothing stands on the live state here."""


async def seen_by(role: Role, path: Path, records: list[dict[str, Any]]) -> list[bytes]:
    """Everything that a role is told of these records, by every way to ask."""
    store = SqliteStore.open(path)
    ledger = Ledger(store, lambda: 0.0)
    desk = Desk(store, ledger, lambda: 1_700_000_000.0, lambda _: [], _nothing)
    endpoints = administrative_endpoints(desk, Edge(ledger, Show(), lambda: 1_700_000_000.0))
    stub = DecisionServiceStub(InProcessChannel(endpoints, Caller("spiffe://corp.example/eve", role)))
    following_all = stub.FollowDecisions(pb.FollowDecisionsRequest())
    followed = asyncio.ensure_future(anext(aiter(following_all)))
    await asyncio.sleep(0)
    try:
        names = [f"d{number:033x}" for number in range(len(records))]
        for name, body in zip(names, records, strict=True):
            columns = {key: str(body.get(key, "")) for key in ("rpc", "outcome", "reason", "client", "subject")}
            row = entry(name, chain=CHAIN, body=json.dumps({"id": name, **body}).encode(), **columns)
            await store.write(Write(row))
        told: list[Any] = [await stub.ListDecisions(pb.ListDecisionsRequest())]
        told += [await stub.TraceChain(pb.TraceChainRequest(id=CHAIN))]
        told += [await stub.ExplainDecision(pb.ExplainDecisionRequest(id=name)) for name in names]
        told += [await stub.TraceChain(pb.TraceChainRequest(id=names[0], view="admin"))]
        told += [await stub.ExplainDecision(pb.ExplainDecisionRequest(id=names[0], view="admin"))]
        told.append(await asyncio.wait_for(followed, 10))
        assert len(told[0].decisions) == len(records)
        return [answer.SerializeToString() for answer in told]
    finally:
        following_all.cancel()
        await store.close()


def marks_in(answers: list[bytes]) -> set[str]:
    return {part[:5].decode() for answer in answers for part in answer.split(b"zq")[1:] if part[5:7] == b"kx"}


@pytest.mark.req("G-39")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(bodies(), min_size=1, max_size=3))
def test_an_observer_is_told_nothing_of_a_person_by_any_way_to_ask(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr(following, "INTERVAL", 0.01)
    answers = {}
    for role in (Role.OBSERVER, Role.AUDITOR):
        with TemporaryDirectory(dir=tmp_path) as place:  # of this example: no log of another one is left
            path = Path(shutil.copy(template, place))
            answers[role] = asyncio.run(seen_by(role, path, records))
    assert marks_in(answers[Role.OBSERVER]) == set()
    # Or this test would be about nothing.
    explained = {mark for body in records for mark in _facts(body)}
    assert explained <= marks_in(answers[Role.AUDITOR])


def _facts(body: Mapping[str, Any]) -> set[str]:
    return {value[2:7] for value in body.get("facts", {}).values()}
