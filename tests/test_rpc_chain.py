"""The steps of the chain: what each guards, and why they stand in this order."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd.v1 import authorization_pb2 as pb
from grantd_server.model.caller import Caller, Role
from grantd_server.refusals import Public, Reason, Refused
from grantd_server.rpc import chain
from grantd_server.rpc.chain.edge import Arrival, Edge
from grantd_server.rpc.inprocess import InProcessChannel
from grantd_server.rpc.limits import LEAST_TIME, MESSAGE_BYTES
from rpc_toy import AUTHORIZATION, REDEEM, REQUEST, Ledger, Show, Toy, answer, caller, end_of, see


async def refuse(message: Any, call: Any) -> Any:
    raise Refused(Reason.ASSERTION_EXPIRED, expected="later", got=1700000000)


def test_the_order_of_the_chain_is_fixed() -> None:
    assert [layer.__name__ for layer in chain.LAYERS] == [
        "answered", "recorded", "bounded", "authorised", "parsed", "observed",
    ]  # fmt: skip


async def test_a_stranger_is_on_record_and_reaches_no_parser() -> None:
    def who() -> Caller:
        raise Refused(Reason.CALLER_UNKNOWN, uri_names=2)

    toy = Toy()
    end = await end_of(toy, Arrival(b"\xff no message", who, address="192.0.2.7"))
    assert end.code is grpc.StatusCode.UNAUTHENTICATED
    record = toy.ledger.records[0]
    assert record["reason"] == "CALLER_UNKNOWN"
    assert record["address"] == "192.0.2.7"
    assert record["facts"] == {"uri_names": "2"}
    assert "caller" not in record


@pytest.mark.hostile("G04")
async def test_bytes_of_a_caller_without_the_right_reach_no_parser() -> None:
    toy = Toy()
    end = await end_of(toy, Arrival(b"\xff no message", caller(Role.RESOURCE_SERVER)))
    assert end.code is grpc.StatusCode.PERMISSION_DENIED
    assert toy.ledger.records[0]["reason"] == "CALLER_NOT_ALLOWED"


@pytest.mark.parametrize("role", [Role.SERVICE])
async def test_observed_facts_of_anybody_but_the_shim_never_reach_the_handler(role: Role) -> None:
    reached = []

    async def redeem(message: Any, call: Any) -> Any:
        reached.append(message)
        return pb.RedeemGrantResponse()

    toy = Toy(redeem)
    for observed in ({}, {"client_address": "203.0.113.9"}, {"dpop_proofs": ["proof"]}, {"http_method": ""}):
        raw = pb.RedeemGrantRequest(observed=observed).SerializeToString()
        end = await end_of(toy, Arrival(raw, caller(role)))
        assert end.code is grpc.StatusCode.INVALID_ARGUMENT
    assert {record["reason"] for record in toy.ledger.records} == {"OBSERVED_NOT_ALLOWED"}
    assert reached == []


async def test_the_shim_states_address_and_trace_of_its_client() -> None:
    toy = Toy()
    observed = {"client_address": "203.0.113.9" + "x" * 100, "traceparent": "00-feed"}
    raw = pb.RedeemGrantRequest(observed=observed).SerializeToString()
    await toy.endpoints[REDEEM](Arrival(raw, caller(Role.SHIM), address="127.0.0.1"))
    record, _ = toy.show.finished[0]
    assert record["address"] == ("203.0.113.9" + "x" * 100)[:64]
    assert record["transport"] == "http"
    assert toy.show.observed_traceparents == ["00-feed"]


async def test_the_address_of_a_direct_caller_is_that_of_its_connection() -> None:
    toy = Toy()
    await toy.endpoints[REDEEM](Arrival(REQUEST, caller(Role.SERVICE), address="192.0.2.7"))
    record, _ = toy.show.finished[0]
    assert (record["address"], record["transport"]) == ("192.0.2.7", "grpc")


async def test_only_the_trace_of_a_caller_that_may_call_is_continued() -> None:
    toy = Toy()
    metadata = {"traceparent": "00-cafe"}
    await end_of(toy, Arrival(REQUEST, caller(Role.RESOURCE_SERVER), metadata=metadata))
    assert toy.show.traceparents == [None]
    await toy.endpoints[REDEEM](Arrival(REQUEST, caller(Role.SERVICE), metadata=metadata))
    assert toy.show.traceparents == [None, None, "00-cafe"]


async def test_a_timeout_inside_the_handler_is_a_bug_and_not_the_deadline() -> None:
    async def redeem(message: Any, call: Any) -> Any:
        raise TimeoutError("secret-canary")

    toy = Toy(redeem)
    end = await end_of(toy, Arrival(REQUEST, caller(Role.SERVICE), timeout=3))
    assert end.code is grpc.StatusCode.INTERNAL


@pytest.mark.parametrize(("given_time", "refused"), [(-1.0, True), (0.0, True), (0.06, True), (3.0, False)])
async def test_too_little_time_is_refused_before_anything_is_done(given_time: float, refused: bool) -> None:
    reached = []

    async def redeem(message: Any, call: Any) -> Any:
        reached.append(call.remaining())
        return pb.RedeemGrantResponse()

    toy = Toy(redeem)
    arrival = Arrival(REQUEST, caller(Role.SERVICE), timeout=given_time)
    if refused:
        end = await end_of(toy, arrival)
        assert end.code is grpc.StatusCode.DEADLINE_EXCEEDED
        assert reached == []
    else:
        await toy.endpoints[REDEEM](arrival)
        assert LEAST_TIME < reached[0] <= given_time - 0.02


@pytest.mark.parametrize(("given_time", "granted"), [(None, 5.0), (3600.0, 5.0), (3.0, 3.0)])
async def test_a_call_has_five_seconds_at_most_less_the_time_of_its_answer(
    given_time: float | None, granted: float
) -> None:
    deadlines = []

    async def redeem(message: Any, call: Any) -> Any:
        deadlines.append(call.deadline)
        return pb.RedeemGrantResponse()

    before = time.monotonic()
    await Toy(redeem).endpoints[REDEEM](Arrival(REQUEST, caller(Role.SERVICE), timeout=given_time))
    assert before <= deadlines[0] - granted + 0.02 <= time.monotonic()


HOSTILE_BYTES = {
    "invalid UTF-8": b"\x0a\x01\xff",
    "truncated": pb.RedeemGrantRequest(assertion="a.b.c").SerializeToString()[:-1],
    "100k open groups": b"\x0b" * 100_000,
    "300 nested groups": b"\x83\x02" * 300 + b"\x84\x02" * 300,
    "300 deep in a known field": b"\x12\x7f" * 300,
    "varint without end": b"\x08" + b"\xff" * 20,
    "field number 0": b"\x00\x00",
}


@pytest.mark.hostile("G16")
@pytest.mark.parametrize("name", HOSTILE_BYTES)
async def test_bytes_that_are_no_message_are_a_recorded_refusal(name: str) -> None:
    toy = Toy()
    start = time.process_time()
    end = await end_of(toy, Arrival(HOSTILE_BYTES[name], caller(Role.SERVICE)))
    assert time.process_time() - start < 0.05
    assert end.code is grpc.StatusCode.INVALID_ARGUMENT
    assert end.details == Public.MESSAGE_MALFORMED.sentence
    assert toy.ledger.records[0]["reason"] == "MESSAGE_MALFORMED"
    await toy.endpoints[REDEEM](Arrival(REQUEST, caller(Role.SERVICE)))


@given(st.binary(max_size=200))
def test_any_bytes_are_answered_or_refused_as_malformed(raw: bytes) -> None:
    async def go() -> None:
        toy = Toy()
        seen = await see(InProcessChannel(toy.endpoints).unary_unary(REDEEM)(raw))
        assert seen.code in {grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT}
        assert len(toy.ledger.records) == (seen.code is not grpc.StatusCode.OK)
        assert all(record["reason"] == "MESSAGE_MALFORMED" for record in toy.ledger.records)

    asyncio.run(go())


@pytest.mark.parametrize(("size", "refused"), [(MESSAGE_BYTES, False), (MESSAGE_BYTES + 1, True)])
async def test_a_message_may_have_the_limit_and_not_a_byte_more(size: int, refused: bool) -> None:
    filler = pb.RedeemGrantRequest(assertion="x" * (size - 4)).SerializeToString()
    assert len(filler) == size
    toy = Toy()
    arrival = Arrival(filler, caller(Role.SERVICE))
    if refused:
        end = await end_of(toy, arrival)
        assert end.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert toy.ledger.records[0]["reason"] == "BODY_TOO_LARGE"
    else:
        await toy.endpoints[REDEEM](arrival)


def test_a_method_without_a_handler_stops_the_start() -> None:
    handlers = {method.name: answer for method in AUTHORIZATION.methods}
    edge = Edge(Ledger(), Show(), time.time)
    with pytest.raises(LookupError, match="RedeemGrant"):
        chain.wrap_service(AUTHORIZATION, {name: handlers[name] for name in handlers if name != "RedeemGrant"}, edge)
    with pytest.raises(LookupError, match="Undreamt"):
        chain.wrap_service(AUTHORIZATION, handlers | {"Undreamt": answer}, edge)


def test_a_method_without_a_row_in_the_caller_table_stops_the_start() -> None:
    with pytest.raises(LookupError, match="Other/Method has no row"):
        chain.wrap("/grantd.v1.Other/Method", pb.RedeemGrantRequest, answer, Edge(Ledger(), Show(), time.time))
