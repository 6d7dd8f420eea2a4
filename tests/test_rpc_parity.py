"""One chain, two adapters: a client cannot tell the network from the process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from grantd.v1 import authorization_pb2 as pb
from grantd_server.model.caller import Caller, Role
from grantd_server.refusals import Public, Reason, Refused
from grantd_server.rpc import chain
from grantd_server.rpc.chain.status import DECISION_ID
from grantd_server.rpc.inprocess import InProcessChannel
from grantd_server.store import OutcomeUnknown, StoreUnavailable
from rpc_toy import REDEEM, Ledger, Seen, Toy, answer, channel, see

if TYPE_CHECKING:
    from pathlib import Path

SHIM = Caller("spiffe://corp.example/shim", Role.SHIM)
REQUEST = pb.RedeemGrantRequest(issuer="https://as.example", assertion="a.b.c").SerializeToString()
OBSERVED = pb.RedeemGrantRequest(observed={"client_address": "203.0.113.9", "traceparent": "00-1"})


async def grant(message: Any, call: Any) -> Any:
    call.record.issuer = message.issuer
    call.record.outcome = "granted"
    return pb.RedeemGrantResponse(access_token="issued", expires_in=900)


async def step_up(message: Any, call: Any) -> Any:
    raise Refused(Reason.STEP_UP_REQUIRED, {"max_age": 300, "acr_values": ["urn:mfa", "urn:hw"]}, got="secret-canary")


async def missing(message: Any, call: Any) -> Any:
    raise Refused(Reason.PARAMETER_MISSING, field="assertion")


async def explode(message: Any, call: Any) -> Any:
    raise ValueError("secret-canary")


async def hang(message: Any, call: Any) -> Any:
    await asyncio.Event().wait()


async def store_down(message: Any, call: Any) -> Any:
    raise StoreUnavailable("secret-canary")


async def store_silent(message: Any, call: Any) -> Any:
    raise OutcomeUnknown("secret-canary")


async def too_much(message: Any, call: Any) -> Any:
    return pb.RedeemGrantResponse(access_token="x" * 200_000)


CASES = {
    "success": (grant, REQUEST, 2.0, grpc.StatusCode.OK, ""),
    "observed facts": (grant, OBSERVED.SerializeToString(), 2.0, grpc.StatusCode.OK, ""),
    "refusal with a challenge": (step_up, REQUEST, 2.0, grpc.StatusCode.FAILED_PRECONDITION, "STEP_UP_REQUIRED"),
    "refusal of a field": (missing, REQUEST, 2.0, grpc.StatusCode.INVALID_ARGUMENT, "PARAMETER_MISSING"),
    "unknown exception": (explode, REQUEST, 2.0, grpc.StatusCode.INTERNAL, "INTERNAL"),
    "deadline": (hang, REQUEST, 5.0, grpc.StatusCode.DEADLINE_EXCEEDED, "OUT_OF_TIME"),
    "malformed": (answer, b"\x0a\x01\xff", 2.0, grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_MALFORMED"),
    "store down": (store_down, REQUEST, 2.0, grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE"),
    "store silent": (store_silent, REQUEST, 2.0, grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE"),
    "answer too large": (too_much, REQUEST, 2.0, grpc.StatusCode.INTERNAL, "INTERNAL"),
}


async def both(tmp_path: Path, redeem: Any, raw: bytes, seconds: float) -> list[tuple[Seen, Toy]]:
    out = []
    toy = Toy(redeem)
    async with toy.served(tmp_path) as server, channel(server) as network:
        out.append((await see(network.unary_unary(REDEEM)(raw, timeout=seconds)), toy))
    toy = Toy(redeem)
    async with InProcessChannel(toy.endpoints, SHIM) as inside:
        out.append((await see(inside.unary_unary(REDEEM)(raw, timeout=seconds)), toy))
    return out


def comparable(seen: Seen, toy: Toy) -> dict[str, Any]:
    """All that a client and an operator see, less what is drawn afresh for each call."""
    (record, status), *more = toy.show.finished
    assert not more
    assert seen.decision_id == record["id"]
    trailers = {name: value for name, value in seen.trailers.items() if name != DECISION_ID}
    info = None
    if seen.code is not grpc.StatusCode.OK:
        info = (seen.info.reason, seen.info.domain, dict(seen.info.metadata) | {"error_id": ""})
        if error_id := record.get("error_id"):
            assert seen.info.metadata["error_id"] == error_id
            trailers = {name: value.replace(error_id.encode(), b"") for name, value in trailers.items()}
    fresh = {"id", "time", "error_id"}
    ledger = [{name: value for name, value in each.items() if name not in fresh} for each in toy.ledger.records]
    record = {name: value for name, value in record.items() if name not in fresh}
    return {
        "code": seen.code,
        "details": seen.details,
        "info": info,
        "trailers": trailers,
        "answer": seen.answer,
        "record": record,
        "ledger": ledger,
        "status": status,
    }


@pytest.mark.req("F-45")
@pytest.mark.parametrize("name", CASES)
async def test_a_call_ends_the_same_over_the_network_and_in_process(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "deadline":
        # Of the service: the client's own timer would race with the answer.
        monkeypatch.setattr(chain, "LONGEST_CALL", 0.2)
    redeem, raw, seconds, code, public = CASES[name]
    network, inside = [comparable(seen, toy) for seen, toy in await both(tmp_path, redeem, raw, seconds)]
    assert network == inside
    assert network["code"] is code
    assert network["status"] == code.name
    if code is grpc.StatusCode.OK:
        assert network["ledger"] == []
        assert network["trailers"] == {}
    else:
        assert network["info"][:2] == (public, "grantd")
        assert network["details"] == Public[public].sentence
        assert len(network["ledger"]) == 1
        assert "secret-canary" not in repr({key: network[key] for key in ("details", "info", "trailers")})


async def test_a_challenge_reaches_the_client(tmp_path: Path) -> None:
    for seen, _ in await both(tmp_path, step_up, REQUEST, 2.0):
        assert dict(seen.info.metadata) == {
            "oauth_error": "insufficient_user_authentication",
            "error_description": Public.STEP_UP_REQUIRED.sentence,
            "max_age": "300",
            "acr_values": "urn:mfa urn:hw",
        }


async def test_a_decision_id_comes_with_success_and_refusal(tmp_path: Path) -> None:
    for redeem in (grant, step_up):
        for seen, toy in await both(tmp_path, redeem, REQUEST, 2.0):
            assert seen.decision_id == toy.show.finished[0][0]["id"]


@pytest.mark.hostile("G01")
async def test_an_oversized_message_ends_the_same_status(tmp_path: Path) -> None:
    for seen, _ in await both(tmp_path, grant, b"\x82\x01\x81\x80\x08" + bytes(128 * 1024 - 4), 2.0):
        assert seen.code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_ledger_that_fails_turns_a_refusal_into_unavailable_on_both(tmp_path: Path) -> None:
    toy = Toy(step_up, Ledger(StoreUnavailable()))
    async with toy.served(tmp_path) as server, channel(server) as network:
        seen = [await see(network.unary_unary(REDEEM)(REQUEST, timeout=2))]
    seen.append(await see(InProcessChannel(toy.endpoints, SHIM).unary_unary(REDEEM)(REQUEST, timeout=2)))
    assert [each.info.reason for each in seen] == ["UNAVAILABLE", "UNAVAILABLE"]
    assert toy.show.reasons == [Reason.STORE_UNAVAILABLE] * 2
