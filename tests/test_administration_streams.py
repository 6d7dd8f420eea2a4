"""Both twins of the administrators' client when the service does not answer well: what is
tried again, what is raised, and that whoever leaves ends the call."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from administrators_ import QUICK, WAYS, Ask, Offices, asynchronous, toy_offices
from grantd.administration import (
    AsyncDecisions,
    AsyncGovernance,
    BundleInvalid,
    Decisions,
    Directory,
    Governance,
    Unavailable,
)
from grantd.administration.governance.results import Block
from grantd.client.channel import Opened
from grantd.v1 import decision_pb2 as decision
from grantd.v1 import governance_pb2 as governance
from grantd_server.governance.document import version_of
from grantd_server.refusals import Reason, Refused
from rpc_toy import Toy, channel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

AWAY = Reason.STORE_UNAVAILABLE
DIRECTORY = Directory({"a.yaml": b"{}"})
READS = {
    "ListBundles": ("governance", "list_bundles", {}),
    "DiffBundles": ("governance", "diff_bundles", {}),
    "ListBlocks": ("governance", "list_blocks", {}),
    "ExplainDecision": ("decisions", "explain_decision", {"decision_id": "d1"}),
    "ListDecisions": ("decisions", "list_decisions", {}),
    "TraceChain": ("decisions", "trace_chain", {"name": "c1"}),
}
STREAMS = {
    "GetBundle": ("governance", "get_bundle", {}),
    "Simulate": ("governance", "simulate", {"version": "b", "since": 1}),
    "ReportAccess": ("decisions", "report_access", {}),
}
DRY = {"ApplyBundle": ("governance", "apply_bundle", {"directory": DIRECTORY, "dry_run": True})}
ACTS = {
    "ApplyBundle": ("governance", "apply_bundle", {"directory": DIRECTORY}),
    "ActivateBundle": ("governance", "activate_bundle", {"version": "b", "reason": "x"}),
    "Block": ("governance", "block", {"kind": "client", "name": "desk", "reason": "x"}),
    "Unblock": ("governance", "unblock", {"kind": "client", "name": "desk", "reason": "x"}),
    "RevokeChain": ("governance", "revoke_chain", {"name": "c1", "reason": "x"}),
}


@pytest.fixture(params=WAYS.values(), ids=WAYS.keys())
def way(request: pytest.FixtureRequest) -> Ask:
    return request.param


class Failing:
    """A method that is away at every call, and counts them."""

    def __init__(self, method: str) -> None:
        self.calls = 0
        self.toy = Toy(others={method: self._stream if method in STREAMS else self._one})

    async def _one(self, message: Any, call: Any) -> Any:
        if hasattr(message, "__aiter__"):
            async for _ in message:
                pass
        self.calls += 1
        raise Refused(AWAY)

    async def _stream(self, message: Any, call: Any) -> AsyncIterator[Any]:
        self.calls += 1
        raise Refused(AWAY)
        yield


async def attempts(method: str, plan: tuple[str, str, dict[str, Any]], folder: Path, way: Ask) -> int:
    failing = Failing(method)
    service, name, given = plan
    async with toy_offices(failing.toy, folder, way) as offices:
        with pytest.raises(Unavailable) as caught:
            await getattr(offices, service)(name, **given)
    assert (caught.value.code, caught.value.reason) == ("UNAVAILABLE", "UNAVAILABLE")
    return failing.calls


@pytest.mark.parametrize("method", READS | STREAMS | DRY)
async def test_what_only_reads_is_tried_again(method: str, tmp_path: Path, way: Ask) -> None:
    plan = (READS | STREAMS | DRY)[method]
    assert await attempts(method, plan, tmp_path, way) == QUICK.attempts


@pytest.mark.req("X-2")
@pytest.mark.parametrize("method", ACTS)
async def test_what_changes_anything_is_never_tried_again(method: str, tmp_path: Path, way: Ask) -> None:
    assert await attempts(method, ACTS[method], tmp_path, way) == 1


async def test_a_stream_that_broke_after_its_first_answer_is_not_begun_again(tmp_path: Path, way: Ask) -> None:
    begun = []

    async def piece(message: Any, call: Any) -> AsyncIterator[Any]:
        begun.append(message)
        yield governance.GetBundleResponse(version="b1", document=b"{", epoch=1)
        raise Refused(AWAY)

    async with toy_offices(Toy(others={"GetBundle": piece}), tmp_path, way) as offices:
        with pytest.raises(Unavailable) as caught:
            await offices.governance("get_bundle")
    assert (len(begun), caught.value.reason) == (1, "UNAVAILABLE")


async def test_a_stream_that_ended_too_early_is_no_answer(tmp_path: Path, way: Ask) -> None:
    async def nothing(message: Any, call: Any) -> AsyncIterator[Any]:
        for none in ():
            yield none

    async def half(messages: Any, call: Any) -> AsyncIterator[Any]:
        yield governance.SimulateResponse(progress=governance.SimulationProgress(done=1, total=2))

    toy = Toy(others={"GetBundle": nothing, "Simulate": half})
    async with toy_offices(toy, tmp_path, way) as offices:
        with pytest.raises(Unavailable, match="before there was a document"):
            await offices.governance("get_bundle")
        told: list[tuple[int, int]] = []
        with pytest.raises(Unavailable, match="before there was a result"):
            await offices.governance("simulate", DIRECTORY, since=1, progress=lambda *at: told.append(at))
    assert told == [(1, 2)]


async def test_a_directory_arrives_as_it_was_sent(tmp_path: Path, way: Ask) -> None:
    arrived: list[Any] = []

    async def taken(messages: Any, call: Any) -> Any:
        arrived.extend([message async for message in messages])
        return governance.ApplyBundleResponse(version="b1", epoch=7)

    sent = Directory({"a.yaml": b"", "b/c.yml": bytes(range(256)) * 300})
    async with toy_offices(Toy(others={"ApplyBundle": taken}), tmp_path, way) as offices:
        done = await offices.governance("apply_bundle", sent, reason="why", force=True, replay_since=9.9)
    assert (done.version, done.epoch, done.activated, done.tests.total) == ("b1", 7, False, 0)
    options, *pieces = arrived
    assert options.options == governance.ApplyBundleOptions(force=True, reason="why", replay_since=9)
    assert not options.options.HasField("expected_epoch")
    assert [(each.piece.path, len(each.piece.content)) for each in pieces] == [
        ("a.yaml", 0),
        ("b/c.yml", 65536),
        ("b/c.yml", 76800 - 65536),
    ]
    assert b"".join(each.piece.content for each in pieces) == sent.files["b/c.yml"]


async def test_a_version_that_cannot_be_used_now_is_told_with_what_it_lacks(tmp_path: Path, way: Ask) -> None:
    async def lacking(message: Any, call: Any) -> Any:
        assert (message.version, message.expected_epoch, message.HasField("expected_epoch")) == ("b1", 0, True)
        return governance.ActivateBundleResponse(epoch=4, faults=["A key is missing."])

    async with toy_offices(Toy(others={"ActivateBundle": lacking}), tmp_path, way) as offices:
        with pytest.raises(BundleInvalid) as caught:
            await offices.governance("activate_bundle", "b1", reason="back", expected_epoch=0)
    assert (caught.value.faults, caught.value.code) == (("A key is missing.",), "OK")
    assert caught.value.decision_id is not None


async def test_lists_are_read_page_by_page_as_they_are_taken(tmp_path: Path, way: Ask) -> None:
    asked: list[tuple[int, str]] = []

    async def page(message: Any, call: Any) -> Any:
        asked.append((message.page_size, message.page_token))
        number = len(asked)
        blocks = [governance.BlockInForce(kind=governance.BLOCK_KIND_USER, name=f"u{number}{each}") for each in "ab"]
        return governance.ListBlocksResponse(blocks=blocks, next_page_token=f"p{number}" if number < 3 else "")

    toy = Toy(others={"ListBlocks": page})
    async with toy_offices(toy, tmp_path, way) as offices:
        found = await offices.governance("list_blocks")
        assert [each.name for each in found] == ["u1a", "u1b", "u2a", "u2b", "u3a", "u3b"]
        assert asked == [(100, ""), (100, "p1"), (100, "p2")]
        asked.clear()
        assert len(await offices.governance("list_blocks", limit=3)) == 3
        assert asked == [(3, ""), (1, "p1")]
        asked.clear()
        assert len(await offices.governance("list_blocks", limit=2)) == 2
        assert asked == [(2, "")]


async def test_a_kind_of_a_newer_service_is_shown_by_its_number(tmp_path: Path, way: Ask) -> None:
    async def page(message: Any, call: Any) -> Any:
        return governance.ListBlocksResponse(blocks=[governance.BlockInForce(kind=99, name="x")])

    async with toy_offices(Toy(others={"ListBlocks": page}), tmp_path, way) as offices:
        assert await offices.governance("list_blocks") == [Block("kind 99", "x", "", None, "", 0)]


async def test_the_trace_goes_along_with_every_kind_of_call(tmp_path: Path) -> None:
    async def piece(message: Any, call: Any) -> AsyncIterator[Any]:
        yield governance.GetBundleResponse(version=version_of(b"{}"), document=b"{}")

    toy = Toy(others={"GetBundle": piece})
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with toy_offices(toy, tmp_path, asynchronous) as offices:

        def ask() -> None:
            with Governance(offices.endpoint(), trace=lambda: {"traceparent": parent}) as client:
                list(client.list_blocks())
                client.apply_bundle(DIRECTORY, force=True)
                client.get_bundle()

        await asyncio.to_thread(ask)
    assert [each for each in toy.show.traceparents if each is not None] == [parent] * 3


class Endless:
    """A stream that goes on until its caller leaves, which it notices."""

    def __init__(self, method: str, answer: Any) -> None:
        self.begun = 0
        self.left = asyncio.Event()
        self.toy = Toy(others={method: self._told})
        self._answer = answer

    async def _told(self, message: Any, call: Any) -> AsyncIterator[Any]:
        self.begun += 1
        try:
            yield self._answer
            await asyncio.Event().wait()
        finally:
            self.left.set()


def decided(number: int, lost: int = 0) -> decision.FollowDecisionsResponse:
    return decision.FollowDecisionsResponse(decision=decision.Decision(id=f"d{number}", rpc="x"), lost=lost)


async def test_whoever_stops_following_ends_the_call(tmp_path: Path, way: Ask) -> None:
    endless = Endless("FollowDecisions", decided(1, lost=4))
    async with toy_offices(endless.toy, tmp_path, way) as offices:
        if way is asynchronous:
            async with AsyncDecisions(offices.endpoint()) as client, aclosing(client.follow_decisions()) as followed:
                told = await anext(followed)
                await followed.aclose()
                await asyncio.wait_for(endless.left.wait(), 10)
        else:
            with Decisions(offices.endpoint()) as client, closing(client.follow_decisions()) as followed:
                told = await asyncio.to_thread(next, followed)
                followed.close()
                await asyncio.wait_for(endless.left.wait(), 10)
    assert (told.decision.id, told.lost, endless.begun) == ("d1", 4, 1)


async def test_a_task_that_is_cancelled_ends_its_stream(tmp_path: Path) -> None:
    endless = Endless("FollowDecisions", decided(1))
    async with (
        toy_offices(endless.toy, tmp_path, asynchronous) as offices,
        AsyncDecisions(offices.endpoint()) as client,
    ):
        begun = asyncio.Event()

        async def follow() -> None:
            async for _ in client.follow_decisions():
                begun.set()

        task = asyncio.create_task(follow())
        await asyncio.wait_for(begun.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(endless.left.wait(), 10)


async def test_a_client_that_is_closed_ends_what_others_follow_with_it(tmp_path: Path, way: Ask) -> None:
    endless = Endless("FollowDecisions", decided(1))
    async with toy_offices(endless.toy, tmp_path, way) as offices:
        task, close = await (_async_follower if way is asynchronous else _thread_follower)(offices)
        await close()
        with pytest.raises(Unavailable) as caught:
            await asyncio.wait_for(task, 10)
        await asyncio.wait_for(endless.left.wait(), 10)
    assert caught.value.code == "CANCELLED"


async def _async_follower(offices: Offices) -> tuple[asyncio.Future[None], Callable[[], Any]]:
    client, begun = AsyncDecisions(offices.endpoint()), asyncio.Event()

    async def follow() -> None:
        async for _ in client.follow_decisions():
            begun.set()

    task = asyncio.create_task(follow())
    await asyncio.wait_for(begun.wait(), 10)
    return task, client.close


async def _thread_follower(offices: Offices) -> tuple[asyncio.Future[None], Callable[[], Any]]:
    client, begun = Decisions(offices.endpoint()), threading.Event()

    def follow() -> None:
        for _ in client.follow_decisions():
            begun.set()

    task = asyncio.ensure_future(asyncio.to_thread(follow))
    assert await asyncio.to_thread(begun.wait, 10)
    return task, lambda: asyncio.to_thread(client.close)


async def test_following_goes_on_when_the_service_ends_a_stream_after_its_time(tmp_path: Path, way: Ask) -> None:
    numbers = itertools.count(1)

    async def told(message: Any, call: Any) -> AsyncIterator[Any]:
        assert message.filter.client == "desk"
        for number in itertools.islice(numbers, 2):
            yield decided(number)
        raise Refused(Reason.OUT_OF_TIME if number < 5 else AWAY)

    async with toy_offices(Toy(others={"FollowDecisions": told}), tmp_path, way) as offices:
        found = []
        with pytest.raises(Unavailable) as caught:
            await _followed(offices, found)
    assert found == ["d1", "d2", "d3", "d4", "d5", "d6"]
    assert caught.value.reason == "UNAVAILABLE"


async def _followed(offices: Offices, found: list[str]) -> None:
    from grantd.administration import DecisionFilter  # noqa: PLC0415 - of this alone

    desk = DecisionFilter(client="desk", since=1)
    if offices.way is asynchronous:
        async with AsyncDecisions(offices.endpoint(), retry=QUICK) as client:
            async for each in client.follow_decisions(desk):
                found.append(each.decision.id)  # noqa: PERF401 - it ends with an exception, and what came before counts

    def follow() -> None:
        with Decisions(offices.endpoint(), retry=QUICK) as client:
            found.extend(each.decision.id for each in client.follow_decisions(desk))

    await asyncio.to_thread(follow)


async def test_what_progress_raises_ends_the_simulation(tmp_path: Path, way: Ask) -> None:
    answer = governance.SimulateResponse(progress=governance.SimulationProgress(done=1, total=2))
    endless = Endless("Simulate", answer)

    def enough(done: int, total: int) -> None:
        raise KeyError(done, total)

    async with toy_offices(endless.toy, tmp_path, way) as offices:
        with pytest.raises(KeyError):
            await offices.governance("simulate", version="b", since=1, progress=enough)
        await asyncio.wait_for(endless.left.wait(), 10)


@pytest.mark.parametrize("given", [{}, {"deadline": 0.2}], ids=["usual", "given"])
async def test_a_call_has_the_time_that_administrators_have(tmp_path: Path, given: dict[str, float]) -> None:
    seen: list[float] = []
    gone = asyncio.Event()

    async def slow(message: Any, call: Any) -> Any:
        seen.append(call.deadline)
        if given:
            await gone.wait()
        return governance.DiffBundlesResponse()

    toy = Toy(others={"DiffBundles": slow})
    async with (
        toy_offices(toy, tmp_path, asynchronous) as offices,
        AsyncGovernance(offices.endpoint(), **given) as client,
    ):
        if given:
            with pytest.raises(Unavailable) as caught:
                await client.diff_bundles()
            assert caught.value.code == "DEADLINE_EXCEEDED"
            gone.set()
        else:
            await client.diff_bundles()
            assert 30 < seen[0] - time.monotonic() <= 60


async def test_a_channel_of_the_application_can_be_used(tmp_path: Path) -> None:
    async with Toy().served(tmp_path) as server:
        from grantd_server.model.caller import Role  # noqa: PLC0415 - of this alone

        opened = channel(server, Role.ADMIN)
        async with AsyncGovernance(Opened(opened)) as client:
            assert [each async for each in client.list_blocks()] == []
        with pytest.raises(grpc.aio.UsageError):
            await opened.unary_unary("/x")(b"")
    assert "Opened()" in repr(Opened(opened))
