"""What the chain is given: the call as it arrived, its method, and the world's edge."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from grantd_server.audit.record import Record
    from grantd_server.flows.road.call import Call
    from grantd_server.model.caller import Caller, Role
    from grantd_server.refusals import Reason
    from grantd_server.rpc.chain.status import Trailers

Handler = Callable[[Any, "Call"], Awaitable["Message"]]
"""One RPC: message and call in, message out; `Refused` is its only planned failure."""

StreamHandler = Callable[[Any, "Call"], "AsyncIterator[Message]"]
"""One RPC that answers with a stream: an asynchronous generator."""

Step = Callable[[Any, "Call"], Awaitable[Any]]
"""Anything in the chain. Above `parsed` it gets the `Arrival` and gives bytes."""

Layer = Callable[[Step, "Method", "Edge"], Step]
"""Puts one concern around the rest of the chain, once per method."""


Served = Callable[["Arrival"], Awaitable[tuple[bytes, "Trailers"]]]
"""What an adapter calls; `Ended` is its only exception."""


class Recorder(Protocol):
    """Where calls go on record; a store that cannot is not hidden by it.

    Both may raise `StoreUnavailable` or `OutcomeUnknown`.
    """

    async def refused(self, record: Record, deadline: float) -> Reason:
        """Writes a refusal, before it is answered where the client is authenticated.

        Returns the reason to answer with: another than the record's when one of its
        marks turns out to be used. `deadline` is monotonic seconds.
        """

    def introspected(self, record: Record) -> None:
        """Counts an introspection; written behind."""


class FaultLog(Protocol):
    """Where operators read of what nobody planned."""

    def fault(self, error_id: str, fault: BaseException) -> None:
        """Tells where an exception came from, never its text."""


class Observer(Protocol):
    """Where calls go on show: log line, metrics, spans. It may fail open."""

    @property
    def log(self) -> FaultLog:
        """The log of faults."""

    def entered(self, record: Record, raw_traceparent: str | None = None) -> None:
        """Draws the trace ids of a call; continues the trace of a known gRPC caller."""

    def observed(self, record: Record, raw_traceparent: str | None) -> None:
        """Notes the trace of an HTTP client, as the shim observed it."""

    def call_finished(self, record: Record, seconds: float, status: str) -> None:
        """Tells of one call; `status` is the name of its gRPC status."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What the chain of every method shares."""

    recorder: Recorder
    observer: Observer
    clock: Callable[[], float]
    """Wall clock, seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC, as the chain needs to know it."""

    name: str
    """The full method name, `/grantd.v1.AuthorizationService/RedeemGrant`."""
    request_type: type[Message]
    roles: frozenset[Role]
    time: float
    """Seconds a call may take at most."""
    takes_stream: bool = False
    gives_stream: bool = False
    observes: bool = field(init=False)
    """Whether its request has the field that only the shim may set."""

    def __post_init__(self) -> None:
        observes = "observed" in self.request_type.DESCRIPTOR.fields_by_name
        object.__setattr__(self, "observes", observes)

    @property
    def streams(self) -> bool:
        """Whether more than one message goes either way."""
        return self.takes_stream or self.gives_stream

    @property
    def rpc(self) -> str:
        """The name alone, `RedeemGrant`: as records and metrics have it."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call as its transport knows it, before anything of it is trusted."""

    raw: bytes
    who: Callable[[], Caller]
    """Asked inside the chain, so that an unknown caller is on record; may refuse."""
    timeout: float | None = None
    """Seconds the client gives; None when it gives no deadline."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    """Of the transport's peer, without port; empty in process."""


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield


async def _nowhere(_raw: bytes) -> None:
    """Takes what nobody reads."""


@dataclass(frozen=True, slots=True)
class StreamArrival(Arrival):
    """A call of which more than one message goes either way; what goes one way only
    once is `raw`, or the answer."""

    pieces: AsyncIterator[bytes] = field(default_factory=_nothing)
    """The messages of the client, where it sends a stream."""
    send: Callable[[bytes], Awaitable[None]] = _nowhere
    """Takes one answer and returns when there is room for the next."""

    @classmethod
    def of(
        cls,
        arrival: Arrival,
        pieces: AsyncIterator[bytes] | None = None,
        send: Callable[[bytes], Awaitable[None]] = _nowhere,
    ) -> StreamArrival:
        """The same arrival, with its streams."""
        return cls(
            arrival.raw, arrival.who, arrival.timeout, arrival.metadata, arrival.address, pieces or _nothing(), send
        )
