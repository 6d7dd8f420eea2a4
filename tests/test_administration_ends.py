"""How calls of the administrators' client end that cannot end well: its channel is closed, its
connection is dead, or what the service sends does not fit together."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from administrators_ import WAYS, Ask, Offices, asynchronous, toy_offices
from grantd.administration import AsyncDecisions, AsyncGovernance, Decisions, Governance, Unavailable
from grantd.administration.governance import pieces
from grantd.administration.times import ACT, STREAM
from grantd.client import channel
from grantd.client.channel import Opened
from grantd.client.retry import Retry, is_planned_end
from grantd.v1 import decision_pb2 as decision
from grantd.v1 import governance_pb2 as governance
from grantd_server.governance.document import version_of
from grantd_server.rpc.limits import LONGEST_ACT, LONGEST_STREAM, Limits
from rpc_toy import Toy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


TIMEOUTS = ("grpc.keepalive_timeout_ms", "grpc.http2.ping_timeout_ms")


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def way(request: pytest.FixtureRequest) -> Ask:
    return request.param


class Hanging:
    """Calls that are never answered."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.toy = Toy(others={"ListBlocks": self._one, "FollowDecisions": self._stream})

    async def _one(self, message: Any, call: Any) -> Any:
        self.begun.set()
        await asyncio.Event().wait()

    async def _stream(self, message: Any, call: Any) -> AsyncIterator[Any]:
        self.begun.set()
        await asyncio.Event().wait()
        yield


async def test_a_call_under_way_ends_as_unavailable_when_its_client_is_closed(tmp_path: Path, way: Ask) -> None:
    hanging = Hanging()
    async with toy_offices(hanging.toy, tmp_path, way) as offices:
        if way is asynchronous:
            client = AsyncGovernance(offices.endpoint())
            task = asyncio.ensure_future(anext(client.list_blocks()))
            close = client.close
        else:
            threads = Governance(offices.endpoint())
            task = asyncio.ensure_future(asyncio.to_thread(lambda: list(threads.list_blocks())))
            close = lambda: asyncio.to_thread(threads.close)  # noqa: E731 - the twin of the one above
        assert await asyncio.to_thread(hanging.begun.wait, 10)
        await close()
        with pytest.raises(Unavailable) as caught:
            await asyncio.wait_for(task, 10)
    assert caught.value.code == "CANCELLED"


async def test_a_task_that_is_cancelled_in_a_call_ends_as_cancelled(tmp_path: Path) -> None:
    hanging = Hanging()
    async with (
        toy_offices(hanging.toy, tmp_path, asynchronous) as offices,
        AsyncGovernance(offices.endpoint()) as client,
    ):
        task = asyncio.ensure_future(anext(client.list_blocks()))
        assert await asyncio.to_thread(hanging.begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("opened", [True, False], ids=["a channel that was used", "no channel yet"])
async def test_a_call_after_its_client_was_closed_is_unavailable(tmp_path: Path, way: Ask, opened: bool) -> None:
    async with toy_offices(Toy(), tmp_path, way) as offices:
        if way is asynchronous:
            await _asked_when_closed(offices, opened)
        else:
            await asyncio.to_thread(_asked_of_threads_when_closed, offices, opened)


async def _asked_when_closed(offices: Offices, opened: bool) -> None:
    client, reader = AsyncGovernance(offices.endpoint()), AsyncDecisions(offices.endpoint())
    if opened:
        await client.diff_bundles()
    for each in (client, reader):
        await each.close()
    for call in (client.diff_bundles(), client.get_bundle(), anext(reader.follow_decisions())):
        with pytest.raises(Unavailable, match="the channel was closed"):
            await call


def _asked_of_threads_when_closed(offices: Offices, opened: bool) -> None:
    client, reader = Governance(offices.endpoint()), Decisions(offices.endpoint())
    if opened:
        client.diff_bundles()
    for each in (client, reader):
        each.close()
    for call in (client.diff_bundles, client.get_bundle, lambda: next(reader.follow_decisions())):
        with pytest.raises(Unavailable, match="the channel was closed"):
            call()


async def test_a_channel_that_the_application_closed_is_told_alike() -> None:
    ours = grpc.aio.insecure_channel("127.0.0.1:1")
    client = AsyncGovernance(Opened(ours), retry=Retry(attempts=1))
    with pytest.raises(Unavailable, match="UNAVAILABLE"):
        await client.diff_bundles()
    await ours.close()
    for call in (client.diff_bundles, client.get_bundle):
        with pytest.raises(Unavailable, match="the channel was closed"):
            await call()


def test_a_channel_of_threads_that_the_application_closed_is_told_alike() -> None:
    ours = grpc.insecure_channel("127.0.0.1:1")
    client = Governance(Opened(ours), retry=Retry(attempts=1))
    with pytest.raises(Unavailable, match="UNAVAILABLE"):
        client.diff_bundles()
    ours.close()
    for call in (client.diff_bundles, client.get_bundle):
        with pytest.raises(Unavailable, match="the channel was closed"):
            call()


async def test_a_service_that_repeats_a_page_is_not_asked_for_ever(tmp_path: Path, way: Ask) -> None:
    asked: list[str] = []

    async def page(message: Any, call: Any) -> Any:
        asked.append(message.page_token)
        return governance.ListBlocksResponse(next_page_token={"": "p1", "p1": "p2"}.get(message.page_token, "p1"))

    async with toy_offices(Toy(others={"ListBlocks": page}), tmp_path, way) as offices:
        with pytest.raises(Unavailable, match="repeats a page"):
            await asyncio.wait_for(offices.governance("list_blocks"), 20)
    assert asked == ["", "p1", "p2"]


def piece(document: bytes, version: str) -> governance.GetBundleResponse:
    return governance.GetBundleResponse(version=version, document=document, epoch=3)


MISFITS = {
    "another document": ([piece(b"{", "b1"), piece(b"}", "b1")], "not that of its version"),
    "less of it": ([piece(b"{", version_of(b"{}"))], "not that of its version"),
    "pieces of two": ([piece(b"{", version_of(b"{}")), piece(b"}", "b1")], "pieces of several versions"),
}


@pytest.mark.parametrize("misfit", MISFITS)
async def test_a_document_that_is_not_that_of_its_version_is_no_answer(tmp_path: Path, way: Ask, misfit: str) -> None:
    sent, why = MISFITS[misfit]

    async def told(message: Any, call: Any) -> AsyncIterator[Any]:
        for each in sent:
            yield each

    async with toy_offices(Toy(others={"GetBundle": told}), tmp_path, way) as offices:
        with pytest.raises(Unavailable, match=why) as caught:
            await offices.governance("get_bundle")
    assert caught.value.code == "DATA_LOSS"


async def test_a_document_without_an_end_is_left(tmp_path: Path, way: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    left = asyncio.Event()

    async def endless(message: Any, call: Any) -> AsyncIterator[Any]:
        try:
            while True:
                yield piece(bytes(1000), "b1")
        finally:
            left.set()

    monkeypatch.setattr(pieces, "LARGEST", 10_000)
    async with toy_offices(Toy(others={"GetBundle": endless}), tmp_path, way) as offices:
        with pytest.raises(Unavailable, match="more than 10000 bytes"):
            await asyncio.wait_for(offices.governance("get_bundle"), 20)
        await asyncio.wait_for(left.wait(), 10)


def test_the_largest_document_is_taken_and_no_byte_more() -> None:
    assert pieces.LARGEST == 16 * 1024 * 1024
    document = bytes(pieces.LARGEST)
    found = pieces.Pieces()
    found.add(piece(document, version_of(document)))
    found.add(piece(b"", version_of(document)))
    assert found.whole().document == document
    with pytest.raises(Unavailable, match="more than 16777216 bytes"):
        found.add(piece(b"x", version_of(document)))


@given(st.binary(max_size=50))
def test_a_version_is_computed_as_the_service_does(document: bytes) -> None:
    assert pieces.version_of(document) == version_of(document)


@pytest.mark.parametrize(("reason", "planned"), [("OUT_OF_TIME", True), (None, False), ("CANCELLED", False)])
def test_only_the_service_itself_ends_a_stream_as_it_was_planned(reason: str | None, planned: bool) -> None:
    assert is_planned_end(Unavailable("DEADLINE_EXCEEDED", reason=reason)) is planned
    assert min(STREAM - LONGEST_STREAM, ACT - LONGEST_ACT) >= 10, "it is the service that says so"


def test_connections_are_looked_after_as_often_as_the_service_permits() -> None:
    options = dict(channel._OPTIONS)
    assert 1.5 * Limits().ping_interval * 1000 <= options["grpc.keepalive_time_ms"] <= 30_000
    assert all(options[each] <= 10_000 for each in TIMEOUTS)
    assert options["grpc.keepalive_permit_without_calls"] == 0
    assert options["grpc.http2.max_pings_without_data"] == 0


@asynccontextmanager
async def deaf(port: int, heard: asyncio.Event) -> AsyncIterator[int]:
    """A way to a service on which nothing arrives any more once that is said, and nothing is closed."""
    tasks: list[asyncio.Task[None]] = []
    writers: list[asyncio.StreamWriter] = []

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if not heard.is_set():
                    writer.write(data)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", port)
        writers.extend((writer, outer))
        tasks.extend(asyncio.create_task(passed(*each)) for each in ((reader, outer), (inner, writer)))

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            for task in tasks:
                task.cancel()
            for each in writers:
                each.close()
            await asyncio.gather(*tasks, *(each.wait_closed() for each in writers), return_exceptions=True)


async def test_whoever_follows_over_a_dead_connection_is_told(
    tmp_path: Path, way: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(message: Any, call: Any) -> AsyncIterator[Any]:
        yield decision.FollowDecisionsResponse(decision=decision.Decision(id="d1"))
        await asyncio.Event().wait()

    quick = dict.fromkeys(("grpc.keepalive_time_ms", *TIMEOUTS), 300)
    monkeypatch.setattr(channel, "_OPTIONS", tuple((dict(channel._OPTIONS) | quick).items()))
    toy, heard = Toy(others={"FollowDecisions": silent}), asyncio.Event()
    async with toy.served(tmp_path, Limits(ping_interval=0.1)) as server, deaf(server.ports[0], heard) as port:
        endpoint = Offices(port, tmp_path, way).endpoint()
        with pytest.raises(Unavailable) as caught:
            await asyncio.wait_for((_follow if way is asynchronous else _follow_in_a_thread)(endpoint, heard), 10)
    assert caught.value.code == "UNAVAILABLE"


async def _follow(endpoint: channel.Endpoint, heard: asyncio.Event) -> None:
    async with AsyncDecisions(endpoint) as client:
        async for _ in client.follow_decisions():
            heard.set()


async def _follow_in_a_thread(endpoint: channel.Endpoint, heard: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def follow() -> None:
        with Decisions(endpoint) as client:
            for _ in client.follow_decisions():
                loop.call_soon_threadsafe(heard.set)

    await asyncio.to_thread(follow)
