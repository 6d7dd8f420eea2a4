"""Which names can be blocked: a misspelt one is refused with those nearest to it, unless it is meant."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

import organisation as org
from command_line import asked, house_at, lines, runner
from grantd.errors import of_rpc
from grantd.v1 import governance_pb2 as pb
from grantd_server.administration.listed import listed
from grantd_server.audit.record import Record
from grantd_server.governance.document import parse_directory
from grantd_server.refusals import Reason, Refused
from grantd_server.rpc.administration.governed import KINDS
from grantd_server.rpc.chain.status import ended
from grantd_server.store.sqlite.store import SqliteStore
from rpc_toy import see
from test_administration import ADA, Office

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PLACES = {
    "identity_providers": {
        "corp": {"issuer": "https://login.corp.example"},
        "coho": {"saml": {"entity_id": "https://coho.example/saml"}},
        "both": {"issuer": "https://both.example", "saml": {"entity_id": "urn:both"}},
    },
    "grant_issuers": {"workforce": {"issuer": "https://grants.corp.example"}},
    "trusted_issuers": {"partner": {"issuer": "https://partner.example"}},
    "authorization_servers": {"tools": {"issuer": "https://as.example/tools"}},
    "clients": {"desk-agent": {}},
    "resource_servers": {"wiki-mcp": {}},
    "resources": {"wiki": {"uri": "https://mcp.example/wiki"}},
}
DOCUMENT = json.dumps(PLACES).encode()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("client", "desk-agent"),
        ("resource_server", "wiki-mcp"),
        ("resource", "wiki"),
        ("issuer", "https://login.corp.example"),
        ("issuer", "https://coho.example/saml"),
        ("issuer", "https://both.example"),
        ("issuer", "urn:both"),
        ("issuer", "https://grants.corp.example"),
        ("issuer", "https://partner.example"),
        ("issuer", "https://as.example/tools"),
        ("user", "corp:e-301"),
        ("user", "corp:tenant|e-301"),
        ("user", "partner|p-77"),
        ("user", "partner/acme|p-77"),
        ("user", "workforce|u:1"),
    ],
)
def test_what_the_bundle_names_can_be_blocked(kind: str, name: str) -> None:
    assert listed(DOCUMENT, kind, name) == (True, [])


@pytest.mark.parametrize(
    ("kind", "name", "nearest"),
    [
        ("client", "desk-agnet", ["desk-agent"]),
        ("client", "wiki-mcp", []),
        ("client", "", []),
        ("resource_server", "wiki_mcp", ["wiki-mcp"]),
        ("resource", "wikki", ["wiki"]),
        ("resource", "https://mcp.example/wiki", ["wiki"]),
        ("issuer", "https://login.corp.example/", ["https://login.corp.example", "https://grants.corp.example"]),
        ("issuer", "corp", ["https://login.corp.example"]),
        ("issuer", "partner", ["https://partner.example"]),
        ("issuer", "both", ["urn:both"]),
        ("user", "e-301", []),
        ("user", "crop:e-301", ["corp:e-301"]),
        ("user", "corp:", []),
        ("user", "corp", []),
        ("user", "partner:p-77", []),
        ("user", "partnr|p-77", ["partner|p-77"]),
        ("user", "partner|", []),
        ("user", "https://login.corp.example|e-301", []),
    ],
)
def test_what_it_does_not_name_is_told_with_the_nearest(kind: str, name: str, nearest: list[str]) -> None:
    found = listed(DOCUMENT, kind, name)
    assert (found.known, found.nearest[: len(nearest) or None]) == (False, nearest)


@given(st.sampled_from(list(KINDS.values())), st.text(max_size=30))
def test_a_name_is_looked_up_whatever_it_is(kind: str, name: str) -> None:
    for document in (b"{}", DOCUMENT):
        known, nearest = listed(document, kind, name)
        assert not (known and nearest)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    store = SqliteStore.open(tmp_path / "grantd.db")
    office = Office(store)
    org.write(tmp_path / "governance", org.bundle())
    document = parse_directory(tmp_path / "governance")
    await store.put_bundle("b1", document.json, ADA, "put")
    yield office
    await store.close()


async def test_what_the_bundle_does_not_name_is_blocked_only_when_that_is_said(office: Office) -> None:
    stub = office.asked_by()
    await stub.ActivateBundle(pb.ActivateBundleRequest(version="b1", reason="first"))
    request: dict[str, Any] = {"kind": pb.BLOCK_KIND_CLIENT, "name": "dessk", "reason": "stolen"}
    seen = await see(stub.Block(pb.BlockRequest(**request)))
    assert (seen.code.name, seen.info.reason) == ("FAILED_PRECONDITION", "NOT_GOVERNED")
    assert "desk" in json.loads(seen.info.metadata["nearest"])
    record = await office.newest()
    assert (record["reason"], record["facts"]["name"]) == ("BLOCK_UNLISTED", "dessk")
    assert not (await stub.ListBlocks(pb.ListBlocksRequest())).blocks
    await stub.Block(pb.BlockRequest(**request, unlisted=True))
    await stub.Block(pb.BlockRequest(**request | {"name": "desk"}))
    blocked = (await stub.ListBlocks(pb.ListBlocksRequest())).blocks
    assert [(each.name, each.author, each.since > 0) for each in blocked] == [("desk", ADA, True), ("dessk", ADA, True)]


async def test_without_a_bundle_nothing_is_named(office: Office) -> None:
    request = pb.BlockRequest(kind=pb.BLOCK_KIND_CLIENT, name="desk", reason="stolen")
    assert (await see(office.asked_by().Block(request))).info.reason == "NOT_GOVERNED"


def test_the_command_says_what_was_meant_and_how_to_block_it_all_the_same(tmp_path: Path) -> None:
    house = house_at(tmp_path)
    run = runner(house)
    run("apply", house / "governance")
    first, near, more, hint = run("block", "client", "desk-agnet", "-m", "x", code=1).stderr.splitlines()
    assert first == "The bundle in force has no client desk-agnet."
    assert near == "Is it desk-agent?"
    assert more.startswith("For more: grantd explain d")
    assert hint == "--unlisted blocks it all the same."
    assert lines(run("blocks")) == ["nothing is blocked"]
    assert json.loads(run("blocks", "--json").stdout) == []
    assert lines(run("block", "client", "desk-agnet", "-m", "x", "--unlisted")) == ["client desk-agnet is blocked"]
    (found,) = asked(house, lambda store: store.live_state(0)).withdrawals
    assert found.name == "desk-agnet"


def told(nearest: object) -> tuple[str, tuple[str, ...]]:
    """What is sent of the nearest names, and what a client reads of that."""
    sent = ended(Refused(Reason.BLOCK_UNLISTED, {"nearest": nearest}), Record("Block", 0.0))
    status = status_pb2.Status.FromString(dict(sent.trailers)["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    read = of_rpc(grpc.aio.AioRpcError(sent.code, grpc.aio.Metadata(), grpc.aio.Metadata(*sent.trailers)))
    return info.metadata["nearest"], read.nearest


@pytest.mark.parametrize(
    "names", [["crop:Jane Doe"], ["corp:müller", "corp:møller"], ['a"b\\', "c,d"], ["名前" * 100], ["one", "two"]]
)
def test_the_nearest_names_arrive_as_they_are_written(names: list[str]) -> None:
    sent, read = told(names)
    assert sent.isascii()
    assert read == tuple(names)


def test_a_name_that_does_not_fit_is_left_out_whole() -> None:
    sent, read = told(["a" * 1400, "b" * 1400, "c"])
    assert read == ("a" * 1400, "c")
    assert len(sent) <= 2000
    assert told(["é" * 400])[1] == ()
    assert told(["a" * 1996])[1] == ("a" * 1996,)
    assert told(["a" * 1997])[1] == ()
