"""Every call ends on record, and what nobody planned ends as an error id."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from grantd.v1 import authorization_pb2 as pb
from grantd_server.model.caller import Role
from grantd_server.refusals import Public, Reason, Refused
from grantd_server.rpc.chain.edge import Arrival
from grantd_server.rpc.limits import RECORD_TIME
from grantd_server.store import OutcomeUnknown, StoreUnavailable
from rpc_toy import REDEEM, REQUEST, Ledger, Show, Toy, caller, channel, end_of

if TYPE_CHECKING:
    from pathlib import Path


async def refuse(message: Any, call: Any) -> Any:
    raise Refused(Reason.ASSERTION_EXPIRED, expected="later", got=1700000000)


async def test_a_call_that_ran_out_of_time_is_not_recorded_as_cancelled() -> None:
    async def hang(message: Any, call: Any) -> Any:
        await asyncio.Event().wait()

    toy = Toy(hang)
    end = await end_of(toy, Arrival(REQUEST, caller(Role.SERVICE), timeout=0.1))
    assert end.code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert toy.ledger.records[0]["reason"] == "OUT_OF_TIME"
    assert toy.ledger.records[0]["outcome"] == "failed"
    assert toy.show.seconds[0] > 0.04


async def test_a_client_that_leaves_is_recorded_as_cancelled(tmp_path: Path) -> None:
    entered = asyncio.Event()

    async def hang(message: Any, call: Any) -> Any:
        entered.set()
        await asyncio.Event().wait()

    toy = Toy(hang)
    async with toy.served(tmp_path) as server, channel(server) as network:
        call = network.unary_unary(REDEEM)(REQUEST, timeout=5)
        await entered.wait()
        call.cancel()
        await asyncio.wait_for(toy.show.done.wait(), 5)
    assert toy.ledger.records[0]["reason"] == "CANCELLED"
    assert toy.show.finished[0][1] == "CANCELLED"


async def test_a_client_that_leaves_does_not_undo_what_was_committed() -> None:
    entered = asyncio.Event()

    async def committed(message: Any, call: Any) -> Any:
        call.record.outcome, call.record.written = "granted", True
        entered.set()
        await asyncio.Event().wait()

    toy = Toy(committed)
    task = asyncio.ensure_future(toy.endpoints[REDEEM](Arrival(REQUEST, caller(Role.SERVICE))))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert toy.ledger.records == []
    assert toy.show.finished[0][0]["outcome"] == "granted"
    assert toy.show.finished[0][1] == "CANCELLED"


async def test_a_second_cancellation_does_not_keep_a_call_off_the_record() -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    class Slow(Ledger):
        async def refused(self, record: Any, deadline: float) -> Reason:
            entered.set()
            await go.wait()
            return await super().refused(record, deadline)

    async def hang(message: Any, call: Any) -> Any:
        entered.set()
        await asyncio.Event().wait()

    toy = Toy(hang, Slow())
    task = asyncio.ensure_future(toy.endpoints[REDEEM](Arrival(REQUEST, caller(Role.SERVICE))))
    await entered.wait()
    entered.clear()
    task.cancel()
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    await asyncio.wait_for(toy.ledger.written.wait(), 5)
    assert toy.ledger.records[0]["reason"] == "CANCELLED"


async def test_a_refusal_that_the_flow_has_written_is_not_written_again() -> None:
    async def lost(message: Any, call: Any) -> Any:
        record = call.record
        record.outcome, record.reason, record.written = "refused", Reason.ASSERTION_REPLAYED, True
        raise Refused(Reason.ASSERTION_REPLAYED)

    toy = Toy(lost)
    end = await end_of(toy, Arrival(REQUEST, caller(Role.SERVICE)))
    assert end.code is grpc.StatusCode.FAILED_PRECONDITION
    assert toy.ledger.records == []
    assert toy.show.finished[0][1] == "FAILED_PRECONDITION"


async def test_a_refusal_is_recorded_with_its_facts_within_the_deadline_of_the_call() -> None:
    toy = Toy(refuse)
    before = time.monotonic()
    await end_of(toy, Arrival(REQUEST, caller(Role.SERVICE), timeout=2))
    record = toy.ledger.records[0]
    assert record["outcome"] == "refused"
    assert record["reason"] == "ASSERTION_EXPIRED"
    assert record["facts"] == {"expected": "later", "got": "1700000000"}
    assert record["role"] == "service"
    assert toy.ledger.deadlines[0] < before + 2


async def test_hostile_facts_stay_short_in_the_record() -> None:
    async def redeem(message: Any, call: Any) -> Any:
        raise Refused(Reason.ASSERTION_CLAIM, got="x" * 100_000)

    toy = Toy(redeem)
    await end_of(toy, Arrival(REQUEST, caller(Role.SERVICE)))
    assert len(toy.ledger.records[0]["facts"]["got"]) == 512


async def test_the_record_of_a_failed_call_has_time_of_its_own() -> None:
    toy = Toy()
    before = time.monotonic()
    await end_of(toy, Arrival(REQUEST, caller(Role.SERVICE), timeout=0.01))
    assert toy.ledger.records[0]["reason"] == "OUT_OF_TIME"
    assert toy.ledger.deadlines[0] >= before + RECORD_TIME


async def test_the_reason_that_the_ledger_found_is_answered() -> None:
    toy = Toy(refuse, Ledger(instead=Reason.CLIENT_ASSERTION_REPLAYED))
    end = await end_of(toy, Arrival(REQUEST, caller(Role.SERVICE)))
    assert end.code is grpc.StatusCode.UNAUTHENTICATED
    assert end.details == Public.CLIENT_AUTHENTICATION_FAILED.sentence
    assert toy.show.reasons == [Reason.CLIENT_ASSERTION_REPLAYED]
    assert toy.show.finished[0][1] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(StoreUnavailable(), Reason.STORE_UNAVAILABLE), (OutcomeUnknown(), Reason.OUTCOME_UNKNOWN)],
)
async def test_a_refusal_that_cannot_be_recorded_is_unavailable(fault: Exception, reason: Reason) -> None:
    toy = Toy(refuse, Ledger(fault))
    end = await end_of(toy, Arrival(REQUEST, caller(Role.SERVICE)))
    assert end.code is grpc.StatusCode.UNAVAILABLE
    assert toy.show.reasons == [reason]
    assert toy.show.finished[0][0]["outcome"] == "failed"


async def test_a_failure_that_cannot_be_recorded_stays_what_it_was() -> None:
    async def silent(message: Any, call: Any) -> Any:
        raise OutcomeUnknown

    toy = Toy(silent, Ledger(StoreUnavailable()))
    end = await end_of(toy, Arrival(REQUEST, caller(Role.SERVICE)))
    assert end.code is grpc.StatusCode.UNAVAILABLE
    assert toy.show.reasons == [Reason.OUTCOME_UNKNOWN]


@pytest.mark.parametrize("outcome", ["active", "inactive", "granted", ""])
async def test_an_introspection_is_counted_and_nothing_else_is(outcome: str) -> None:
    async def redeem(message: Any, call: Any) -> Any:
        call.record.outcome = outcome
        return pb.RedeemGrantResponse()

    toy = Toy(redeem)
    await toy.endpoints[REDEEM](Arrival(REQUEST, caller(Role.SERVICE)))
    assert len(toy.ledger.introspections) == (outcome in {"active", "inactive"})
    assert toy.ledger.records == []


@pytest.mark.parametrize(
    "fault", [ValueError("secret-canary"), KeyError("secret-canary"), MemoryError("secret-canary")]
)
async def test_an_unknown_exception_leaves_an_error_id_and_no_text(fault: Exception) -> None:
    async def redeem(message: Any, call: Any) -> Any:
        raise fault

    toy = Toy(redeem)
    end = await end_of(toy, Arrival(REQUEST, caller(Role.SERVICE)))
    assert end.code is grpc.StatusCode.INTERNAL
    assert "secret-canary" not in repr((end.details, end.trailers, end.args))
    assert end.__cause__ is None
    assert end.__suppress_context__
    ((error_id, logged),) = toy.show.faults
    assert logged is fault
    assert toy.ledger.records[0]["error_id"] == error_id
    assert "secret-canary" not in repr(toy.ledger.records)
    assert error_id.encode() in dict(end.trailers)["grpc-status-details-bin"]


@pytest.mark.parametrize("broken", [{"call_finished"}, {"call_finished", "fault"}])
async def test_broken_telemetry_takes_no_answer_away(broken: set[str]) -> None:
    toy = Toy(show=Show(frozenset(broken)))
    body, _ = await toy.endpoints[REDEEM](Arrival(REQUEST, caller(Role.SERVICE)))
    assert pb.RedeemGrantResponse.FromString(body) == pb.RedeemGrantResponse()


@pytest.mark.parametrize("broken", [{"entered"}, {"entered", "fault"}])
async def test_a_fault_of_the_outermost_step_still_leaves_no_text(broken: set[str]) -> None:
    end = await end_of(Toy(show=Show(frozenset(broken))), Arrival(REQUEST, caller(Role.SERVICE)))
    assert end.code is grpc.StatusCode.INTERNAL
    assert "secret-canary" not in repr((end.details, end.trailers))


async def test_a_fault_of_the_ledger_itself_still_leaves_no_text() -> None:
    toy = Toy(refuse, Ledger(RuntimeError("secret-canary")))
    end = await end_of(toy, Arrival(REQUEST, caller(Role.SERVICE)))
    assert end.code is grpc.StatusCode.INTERNAL
    assert "secret-canary" not in repr((end.details, end.trailers))
