"""The chain that every call runs through, whatever brought it: bytes in, bytes out.

It is put together once per method, at the start; what a method lacks stops the start.
An adapter (aio, inprocess) makes an `Arrival` of a call and puts `Ended` on its wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from google.protobuf.message_factory import GetMessageClass

from grantd_server.audit.record import Record
from grantd_server.flows.road.call import Call
from grantd_server.model.caller import ADMINISTRATION, Caller, Role
from grantd_server.rpc.chain.callers import allowed
from grantd_server.rpc.chain.edge import Arrival, Edge, Method
from grantd_server.rpc.chain.recorded import recorded
from grantd_server.rpc.chain.status import DECISION_ID, Trailers
from grantd_server.rpc.chain.steps import answered, authorised, bounded, observed, parsed
from grantd_server.rpc.chain.streams import streamed
from grantd_server.rpc.limits import ANSWER_TIME, LONGEST_ACT, LONGEST_CALL, LONGEST_STREAM

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from google.protobuf.descriptor import ServiceDescriptor
    from google.protobuf.message import Message

    from grantd_server.rpc.chain.edge import Handler, Layer, Step, StreamHandler

LAYERS: tuple[Layer, ...] = (
    answered,  # outermost: whatever happens inside, only an answer or a final status gets out
    recorded,  # around all that can refuse: who is not allowed in is on record, too
    bounded,  # inside recorded, or a call that ran out of time would be recorded as cancelled
    authorised,  # before the parser: the bytes of a stranger reach nothing
    parsed,  # inside recorded: a message that cannot be read is a refusal like any other
    observed,  # needs the message; before the handler, so that no flow can forget it
)

STREAM_LAYERS: tuple[Layer, ...] = tuple(streamed if layer is parsed else layer for layer in LAYERS)
"""Of a method with a stream: the same, but for how messages are read and written."""

NOBODY = Caller("", Role.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One RPC with its chain: what both adapters call."""

    method: Method
    edge: Edge
    chain: Step

    async def __call__(self, arrival: Arrival) -> tuple[bytes, Trailers]:
        """Runs one call.

        Raises:
            Ended: the call ended without an answer.
        """
        record = Record(self.method.rpc, self.edge.clock(), transport="grpc", address=arrival.address)
        longest = self.method.time
        time = longest if arrival.timeout is None else min(arrival.timeout, longest)
        call = Call(self.method.name, NOBODY, monotonic() + time - ANSWER_TIME, record, arrival.metadata)
        return await self.chain(arrival, call), ((DECISION_ID, record.id),)


def wrap(
    name: str,
    request_type: type[Message],
    handler: Handler | StreamHandler,
    edge: Edge,
    *,
    takes_stream: bool = False,
    gives_stream: bool = False,
) -> Endpoint:
    """Puts the chain around one handler; `name` is the full method name."""
    roles = allowed(name)
    usual = LONGEST_ACT if roles <= ADMINISTRATION else LONGEST_CALL
    time = LONGEST_STREAM if takes_stream or gives_stream else usual
    method = Method(name, request_type, roles, time, takes_stream, gives_stream)
    step: Any = handler
    for layer in reversed(STREAM_LAYERS if method.streams else LAYERS):
        step = layer(step, method, edge)
    return Endpoint(method, edge, step)


def wrap_service(
    service: ServiceDescriptor,
    handlers: Mapping[str, Handler | StreamHandler],
    edge: Edge,
    absent: Collection[str] = (),
) -> dict[str, Endpoint]:
    """Wraps every method of a service but those that are `absent`, by full method name.

    Raises:
        LookupError: a method has no handler or no row in the caller table, or a
            handler has no method.
    """
    methods: dict[str, Any] = {method.name: method for method in service.methods if method.name not in absent}
    if methods.keys() != handlers.keys():
        odd = ", ".join(sorted(methods.keys() ^ handlers.keys()))
        raise LookupError(f"{service.full_name}: methods and handlers differ in {odd}")
    endpoints = [
        wrap(
            f"/{service.full_name}/{name}",
            GetMessageClass(methods[name].input_type),
            handler,
            edge,
            takes_stream=methods[name].client_streaming,
            gives_stream=methods[name].server_streaming,
        )
        for name, handler in handlers.items()
    ]
    return {endpoint.method.name: endpoint for endpoint in endpoints}
