"""The steps of the chain around a handler, each one concern; their order is in `chain`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError

from grantd_server.model.caller import Role
from grantd_server.refusals import Reason, Refused
from grantd_server.rpc.chain.faults import unplanned
from grantd_server.rpc.chain.status import ended
from grantd_server.rpc.limits import LEAST_TIME, MESSAGE_BYTES

if TYPE_CHECKING:
    from grantd_server.flows.road.call import Call
    from grantd_server.rpc.chain.edge import Arrival, Edge, Method, Step

LONGEST_ADDRESS = 64
"""Characters; the longest IPv6 address with a zone is shorter."""


class AnswerTooLarge(Exception):
    """A handler built more than the wire takes: a bug, not the caller's fault."""


def answered(inner: Step, method: Method, edge: Edge) -> Step:  # noqa: ARG001 - every layer has one shape
    """Draws the trace ids, and turns whatever is raised into a final status without its text."""

    async def step(message: Arrival, call: Call) -> Any:
        try:
            edge.observer.entered(call.record)
            return await inner(message, call)
        except Refused as refusal:
            raise ended(refusal, call.record) from None
        except Exception as exc:  # noqa: BLE001 - grpc would send its text to the client
            raise ended(unplanned(exc, call.record, edge), call.record) from None

    return step


def bounded(inner: Step, method: Method, edge: Edge) -> Step:  # noqa: ARG001 - every layer has one shape
    """Ends a call at its deadline, and refuses at once one that could not be finished."""

    async def step(message: Arrival, call: Call) -> Any:
        left = call.remaining()
        if left < LEAST_TIME:
            raise Refused(Reason.OUT_OF_TIME, least=LEAST_TIME, left=round(left, 3))
        try:
            async with asyncio.timeout(left) as limit:
                return await inner(message, call)
        except TimeoutError:
            if not limit.expired():
                raise
            raise Refused(Reason.OUT_OF_TIME) from None

    return step


def authorised(inner: Step, method: Method, edge: Edge) -> Step:
    """Finds out who calls, and lets in only the roles of the method's row."""

    async def step(message: Arrival, call: Call) -> Any:
        call.caller = caller = message.who()
        record = call.record
        record.caller, record.role = caller.identity, caller.role.value
        if caller.role is Role.SHIM:
            # The shim speaks for HTTP clients: its own address says nothing of theirs.
            record.transport, record.address = "http", ""
        if caller.role not in method.roles:
            raise Refused(Reason.CALLER_NOT_ALLOWED, role=caller.role.value)
        if "traceparent" in message.metadata:
            # Only now: a stranger could force the sampling of its calls.
            edge.observer.entered(record, message.metadata["traceparent"])
        return await inner(message, call)

    return step


def parsed(inner: Step, method: Method, edge: Edge) -> Step:  # noqa: ARG001 - every layer has one shape
    """Reads the message and writes the answer; neither may be larger than the wire allows."""
    read = method.request_type.FromString

    async def step(message: Arrival, call: Call) -> bytes:
        if len(message.raw) > MESSAGE_BYTES:
            raise Refused(Reason.BODY_TOO_LARGE, limit=MESSAGE_BYTES, size=len(message.raw))
        try:
            request = read(message.raw)
        except DecodeError:
            # Also invalid UTF-8 and groups nested deeper than the parser goes.
            raise Refused(Reason.MESSAGE_MALFORMED, size=len(message.raw)) from None
        answer = await inner(request, call)
        body: bytes = answer.SerializeToString()
        if len(body) > MESSAGE_BYTES:
            raise AnswerTooLarge
        return body

    return step


def observed(inner: Step, method: Method, edge: Edge) -> Step:
    """Lets only the shim state observed facts: from anybody else they are forged."""
    if not method.observes:
        return inner

    async def step(message: Any, call: Call) -> Any:
        if message.HasField("observed"):
            if call.caller.role is not Role.SHIM:
                raise Refused(Reason.OBSERVED_NOT_ALLOWED, role=call.caller.role.value)
            seen = message.observed
            call.record.address = seen.client_address[:LONGEST_ADDRESS]
            edge.observer.observed(call.record, seen.traceparent or None)
        return await inner(message, call)

    return step
