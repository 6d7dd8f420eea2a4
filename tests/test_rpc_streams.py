"""Streams in the chain: the same steps, limits and endings over the network and in process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from grantd.v1 import decision_pb2, governance_pb2
from grantd_server.model.caller import Caller, Role
from grantd_server.refusals import Public, Reason, Refused
from grantd_server.rpc import chain
from grantd_server.rpc.chain import streams
from grantd_server.rpc.inprocess import InProcessChannel
from grantd_server.store import StoreUnavailable
from rpc_toy import AUTHORIZATION, DECISION, GOVERNANCE, Toy, channel, see
from test_rpc_parity import comparable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ADMIN = Caller("spiffe://corp.example/admin", Role.ADMIN)
APPLY = f"/{GOVERNANCE.full_name}/ApplyBundle"
SIMULATE = f"/{GOVERNANCE.full_name}/Simulate"
FOLLOW = f"/{DECISION.full_name}/FollowDecisions"
KINDS = {APPLY: "stream_unary", SIMULATE: "stream_stream", FOLLOW: "unary_stream"}

PIECE = governance_pb2.ApplyBundleRequest(piece={"path": "a.yaml", "content": b"x" * 100}).SerializeToString()
ASKED = decision_pb2.FollowDecisionsRequest(filter={"client": "ide"}).SerializeToString()


async def count(messages: Any, call: Any) -> Any:
    """Answers how many pieces came, and how many bytes of content."""
    sizes = [len(message.piece.content) async for message in messages]
    call.record.outcome = "applied"
    return governance_pb2.ApplyBundleResponse(epoch=len(sizes), version=str(sum(sizes)))


async def echo(messages: Any, call: Any) -> Any:
    async for message in messages:
        yield governance_pb2.SimulateResponse(progress={"done": len(message.piece.content)})


async def three(message: Any, call: Any) -> Any:
    for number in range(3):
        yield decision_pb2.FollowDecisionsResponse(decision={"id": f"{message.filter.client}-{number}"})


async def refuse_at_once(messages: Any, call: Any) -> Any:
    raise Refused(Reason.NOT_READY, got="secret-canary")


async def refuse_after_one(message: Any, call: Any) -> Any:
    yield decision_pb2.FollowDecisionsResponse(decision={"id": "first"})
    raise Refused(Reason.NOT_READY, got="secret-canary")


async def explode_after_one(message: Any, call: Any) -> Any:
    yield decision_pb2.FollowDecisionsResponse(decision={"id": "first"})
    raise ValueError("secret-canary")


async def hang(message: Any, call: Any) -> Any:
    await asyncio.Event().wait()
    yield


async def too_much(message: Any, call: Any) -> Any:
    yield decision_pb2.FollowDecisionsResponse(decision={"id": "x" * 200_000})


async def store_down(message: Any, call: Any) -> Any:
    raise StoreUnavailable("secret-canary")


CASES: dict[str, tuple[str, Any, Any, str]] = {
    "pieces of an upload": (APPLY, count, [PIECE] * 3, ""),
    "an upload of nothing": (APPLY, count, [], ""),
    "a stream for a stream": (SIMULATE, echo, [PIECE] * 40, ""),
    "a stream for a question": (FOLLOW, three, ASKED, ""),
    "an upload that is refused unread": (APPLY, refuse_at_once, [PIECE] * 3, "UNAVAILABLE"),
    "a refusal after an answer": (FOLLOW, refuse_after_one, ASKED, "UNAVAILABLE"),
    "a bug after an answer": (FOLLOW, explode_after_one, ASKED, "INTERNAL"),
    "an answer too large": (FOLLOW, too_much, ASKED, "INTERNAL"),
    "a store that is down": (APPLY, store_down, [PIECE], "UNAVAILABLE"),
    "a malformed piece": (APPLY, count, [PIECE, b"\x0a\x01\xff"], "MESSAGE_MALFORMED"),
    "a malformed question": (FOLLOW, three, b"\x0a\x01\xff", "MESSAGE_MALFORMED"),
    "a piece too large": (APPLY, count, [b"\x12" * (128 * 1024 + 1)], "BODY_TOO_LARGE"),
    "the deadline": (FOLLOW, hang, ASKED, "OUT_OF_TIME"),
}


def start(inside: grpc.aio.Channel, method: str, sent: Any) -> Any:
    bound = getattr(inside, KINDS[method])(method)
    return bound(iter(sent) if isinstance(sent, list) else sent, timeout=5)


@pytest.mark.req("F-45")
@pytest.mark.parametrize("name", CASES)
async def test_a_stream_ends_the_same_over_the_network_and_in_process(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "the deadline":
        monkeypatch.setattr(chain, "LONGEST_STREAM", 0.2)
    method, handler, sent, public = CASES[name]
    toys = [Toy(others={method.rpartition("/")[2]: handler}) for _ in range(2)]
    async with toys[0].served(tmp_path) as server, channel(server, Role.ADMIN) as network:
        over_network = await see(start(network, method, sent))
    inside = await see(start(InProcessChannel(toys[1].endpoints, ADMIN), method, sent))
    if name == "a piece too large":
        # The transport refuses it before anybody reads it, with a status of its own.
        assert over_network.code is inside.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        return
    first, second = comparable(over_network, toys[0]), comparable(inside, toys[1])
    for record in (first["record"], *first["ledger"]):
        assert record.pop("address") == "127.0.0.1"
    assert first == second
    if not public:
        assert first["code"] is grpc.StatusCode.OK
        assert first["answer"]
        assert first["ledger"] == []
    else:
        assert first["info"][:2] == (public, "grantd")
        assert first["details"] == Public[public].sentence
        assert len(first["ledger"]) == 1
        assert "secret-canary" not in repr({key: first[key] for key in ("details", "info", "trailers")})


async def test_pieces_arrive_whole_and_in_order() -> None:
    toy = Toy(others={"ApplyBundle": count, "Simulate": echo, "FollowDecisions": three})
    inside = InProcessChannel(toy.endpoints, ADMIN)
    applied = governance_pb2.ApplyBundleResponse.FromString((await see(start(inside, APPLY, [PIECE] * 3))).answer)
    assert (applied.epoch, applied.version) == (3, "300")
    sent = [governance_pb2.SimulateRequest(piece={"content": b"x" * size}).SerializeToString() for size in (5, 0, 7)]
    answers = (await see(start(inside, SIMULATE, sent))).answer
    assert [governance_pb2.SimulateResponse.FromString(raw).progress.done for raw in answers] == [5, 0, 7]
    followed = (await see(start(inside, FOLLOW, ASKED))).answer
    ids = [decision_pb2.FollowDecisionsResponse.FromString(raw).decision.id for raw in followed]
    assert ids == ["ide-0", "ide-1", "ide-2"]


@pytest.mark.parametrize(("over", "code"), [(False, "OK"), (True, "RESOURCE_EXHAUSTED")])
async def test_all_pieces_together_have_a_limit(monkeypatch: pytest.MonkeyPatch, over: bool, code: str) -> None:
    counted = 3 * (len(PIECE) + 64)
    monkeypatch.setattr(streams, "UPLOAD_BYTES", counted - over)
    toy = Toy(others={"ApplyBundle": count})
    seen = await see(start(InProcessChannel(toy.endpoints, ADMIN), APPLY, [PIECE] * 3))
    assert seen.code.name == code
    assert [record["reason"] for record in toy.ledger.records] == (["BODY_TOO_LARGE"] if over else [])


async def test_empty_pieces_do_not_come_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "UPLOAD_BYTES", 640)
    toy = Toy(others={"ApplyBundle": count})
    inside = InProcessChannel(toy.endpoints, ADMIN)
    assert (await see(start(inside, APPLY, [b""] * 10))).code is grpc.StatusCode.OK
    assert (await see(start(inside, APPLY, [b""] * 11))).code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_stream_whose_next_piece_does_not_come_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stalled() -> Any:
        yield PIECE
        await asyncio.Event().wait()

    monkeypatch.setattr(streams, "PIECE_TIME", 0.05)
    toy = Toy(others={"ApplyBundle": count})
    seen = await see(InProcessChannel(toy.endpoints, ADMIN).stream_unary(APPLY)(stalled()))
    assert seen.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert toy.ledger.records[0]["reason"] == "BODY_TOO_SLOW"


async def test_a_timeout_inside_the_pieces_is_a_bug_and_not_a_slow_client() -> None:
    async def broken() -> Any:
        yield PIECE
        raise TimeoutError("secret-canary")

    toy = Toy(others={"ApplyBundle": count})
    seen = await see(InProcessChannel(toy.endpoints, ADMIN).stream_unary(APPLY)(broken()))
    assert seen.code is grpc.StatusCode.INTERNAL


@pytest.mark.hostile("G04")
async def test_nothing_of_a_stream_is_read_of_a_caller_without_the_right() -> None:
    read = []

    def sent() -> Iterable[bytes]:
        read.append(1)
        yield PIECE

    toy = Toy(others={"ApplyBundle": count})
    auditor = InProcessChannel(toy.endpoints, Caller("in-process", Role.AUDITOR))
    assert (await see(auditor.stream_unary(APPLY)(sent()))).info.reason == "CALLER_NOT_ALLOWED"
    assert read == []


async def test_a_handler_is_never_further_ahead_than_its_reader() -> None:
    made = []

    async def endless(message: Any, call: Any) -> Any:
        while True:
            made.append(1)
            yield decision_pb2.FollowDecisionsResponse()

    toy = Toy(others={"FollowDecisions": endless})
    call = InProcessChannel(toy.endpoints, ADMIN).unary_stream(FOLLOW)(ASKED)
    for _ in range(5):
        await call.read()
    assert len(made) <= 5 + 2
    assert call.cancel()


@pytest.mark.parametrize("started", [False, True])
async def test_cancelling_a_stream_ends_its_handler(started: bool) -> None:
    ended = []

    async def endless(message: Any, call: Any) -> Any:
        try:
            while True:
                yield decision_pb2.FollowDecisionsResponse()
        finally:
            ended.append(1)

    toy = Toy(others={"FollowDecisions": endless})
    call = InProcessChannel(toy.endpoints, ADMIN).unary_stream(FOLLOW)(ASKED, timeout=3)
    told: list[Any] = []
    call.add_done_callback(told.append)
    assert 2 < call.time_remaining() <= 3
    if started:
        await call.read()
    assert not call.done()
    assert call.cancel()
    assert await call.code() is grpc.StatusCode.CANCELLED
    assert call.cancelled()
    assert call.done()
    assert not call.cancel()
    assert told == [call]
    assert len(ended) == started
    call.add_done_callback(told.append)
    assert told == [call, call]
    if started:
        assert toy.ledger.records[0]["reason"] == "CANCELLED"
    with pytest.raises(asyncio.CancelledError):
        await call.read()


async def test_a_client_that_leaves_the_network_ends_the_handler(tmp_path: Path) -> None:
    async def once(message: Any, call: Any) -> Any:
        yield decision_pb2.FollowDecisionsResponse()
        await asyncio.Event().wait()

    toy = Toy(others={"FollowDecisions": once})
    async with toy.served(tmp_path) as server, channel(server, Role.ADMIN) as network:
        call = network.unary_stream(FOLLOW)(ASKED)
        await call.read()
        call.cancel()
        await asyncio.wait_for(toy.show.done.wait(), 5)
    assert toy.ledger.records[0]["reason"] == "CANCELLED"


async def test_in_process_the_messages_of_a_stream_are_an_iterator() -> None:
    inside = InProcessChannel(Toy().endpoints, ADMIN)
    call = inside.stream_stream(SIMULATE)(iter(()))
    with pytest.raises(grpc.aio.UsageError):
        await call.write(b"")
    await call.done_writing()
    with pytest.raises(grpc.aio.UsageError):
        inside.stream_unary(APPLY)()


async def test_a_stream_may_be_asked_for_its_end_first_and_read_to_it_again() -> None:
    call = InProcessChannel(Toy().endpoints, ADMIN).unary_stream(FOLLOW)(ASKED)
    assert await call.initial_metadata() == grpc.aio.Metadata()
    await call.wait_for_connection()
    assert call.time_remaining() is None
    assert [raw async for raw in call] == [b""]
    assert [raw async for raw in call] == []
    assert await call.details() == ""
    assert dict(await call.trailing_metadata()).keys() == {"x-grantd-decision-id"}


def test_who_governs_has_longer_and_who_speaks_for_clients_has_not() -> None:
    times = {name: endpoint.method.time for name, endpoint in Toy().endpoints.items()}
    assert {times[f"/{AUTHORIZATION.full_name}/{method.name}"] for method in AUTHORIZATION.methods} == {5.0}
    for service in (GOVERNANCE, DECISION):
        for method in service.methods:
            longest = 900.0 if method.client_streaming or method.server_streaming else 60.0
            assert times[f"/{service.full_name}/{method.name}"] == longest
