"""A toy service over the real descriptors, with what the chain stands on: test support."""

from __future__ import annotations

import asyncio
import functools
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from certificates import Authority, client_credentials, write_tls_files
from grantd.v1 import authorization_pb2 as authorization
from grantd.v1 import decision_pb2 as decision
from grantd.v1 import governance_pb2 as governance
from grantd.v1 import metadata_pb2 as metadata
from grantd_server.model.caller import Caller, Role
from grantd_server.rpc.chain import wrap_service
from grantd_server.rpc.chain.edge import Edge
from grantd_server.rpc.chain.status import DECISION_ID, DETAILS, Ended
from grantd_server.rpc.server import Listener, RpcServer
from grantd_server.rpc.server.aio import Peers
from grantd_server.rpc.server.tls import ReloadingCredentials, TlsFiles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from certificates import Leaf
    from grantd_server.audit.record import Record
    from grantd_server.flows.road.call import Call
    from grantd_server.refusals import Reason
    from grantd_server.rpc.chain import Endpoint
    from grantd_server.rpc.chain.edge import Arrival, Handler
    from grantd_server.rpc.limits import Limits

AUTHORIZATION = authorization.DESCRIPTOR.services_by_name["AuthorizationService"]
METADATA = metadata.DESCRIPTOR.services_by_name["MetadataService"]
GOVERNANCE = governance.DESCRIPTOR.services_by_name["GovernanceService"]
DECISION = decision.DESCRIPTOR.services_by_name["DecisionService"]
SERVICES = ((authorization, AUTHORIZATION), (metadata, METADATA), (governance, GOVERNANCE), (decision, DECISION))
REDEEM = "/grantd.v1.AuthorizationService/RedeemGrant"
REQUEST = authorization.RedeemGrantRequest(assertion="a.b.c").SerializeToString()
SERVER_NAMES = {"dns": ("localhost",), "ips": ("127.0.0.1",)}
BINDINGS = {f"spiffe://corp.example/{role.value}": role for role in Role if role is not Role.UNKNOWN}


@functools.cache
def authority() -> Authority:
    """The one CA of this test process."""
    return Authority()


@functools.cache
def leaf_of(role: Role) -> Leaf:
    """The certificate of a role; that of UNKNOWN is genuine, but bound to no role."""
    return authority().leaf(uris=(f"spiffe://corp.example/{role.value}",))


@dataclass
class Ledger:
    """A ledger in memory. It fails or finds a used mark when told to."""

    fault: Exception | None = None
    instead: Reason | None = None
    records: list[dict[str, Any]] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    introspections: list[str] = field(default_factory=list)
    written: asyncio.Event = field(default_factory=asyncio.Event)

    async def refused(self, record: Record, deadline: float) -> Reason:
        if self.fault is not None:
            raise self.fault
        self.records.append(record.body())
        self.deadlines.append(deadline)
        self.written.set()
        return self.instead or record.reason

    def introspected(self, record: Record) -> None:
        if self.fault is not None:
            raise self.fault
        self.introspections.append(record.id)


@dataclass
class Show:
    """Telemetry in memory; `broken` names the methods that raise."""

    broken: frozenset[str] = frozenset()
    finished: list[tuple[dict[str, Any], str]] = field(default_factory=list)
    reasons: list[Reason | None] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    traceparents: list[str | None] = field(default_factory=list)
    observed_traceparents: list[str | None] = field(default_factory=list)
    faults: list[tuple[str, BaseException]] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def log(self) -> Show:
        return self

    def fault(self, error_id: str, fault: BaseException) -> None:
        self._maybe("fault")
        self.faults.append((error_id, fault))

    def entered(self, record: Record, raw_traceparent: str | None = None) -> None:
        self._maybe("entered")
        record.trace_id, record.span_id = 7, 8
        self.traceparents.append(raw_traceparent)

    def observed(self, record: Record, raw_traceparent: str | None) -> None:
        self.observed_traceparents.append(raw_traceparent)

    def call_finished(self, record: Record, seconds: float, status: str) -> None:
        self._maybe("call_finished")
        self.finished.append((record.body(), status))
        self.reasons.append(record.reason)
        self.seconds.append(seconds)
        self.done.set()

    def _maybe(self, name: str) -> None:
        if name in self.broken:
            raise RuntimeError("secret-canary")


async def answer(message: Any, call: Call) -> Any:
    """Answers every method with its empty response."""
    return _RESPONSES[type(message).__name__]()


_RESPONSES: Mapping[str, Any] = {
    method.input_type.name: getattr(module, method.output_type.name)
    for module, service in SERVICES
    for method in service.methods
}


def answering(method: Any) -> Any:
    """A handler in the shape of a method: all messages are read, one is answered."""
    response = _RESPONSES[method.input_type.name]

    async def taken(messages: Any, call: Call) -> Any:
        async for _ in messages:
            pass
        return response()

    async def given(message: Any, call: Call) -> Any:
        if method.client_streaming:
            async for _ in message:
                pass
        yield response()

    if method.server_streaming:
        return given
    return taken if method.client_streaming else answer


@dataclass
class Toy:
    """All services behind the chain; `redeem` is what RedeemGrant does, `others` what
    further methods do."""

    redeem: Handler = answer
    ledger: Ledger = field(default_factory=Ledger)
    show: Show = field(default_factory=Show)
    others: Mapping[str, Any] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(init=False)

    def __post_init__(self) -> None:
        edge = Edge(self.ledger, self.show, time.time)
        self.endpoints = {}
        for _, service in SERVICES:
            handlers = {method.name: answering(method) for method in service.methods}
            if service is AUTHORIZATION:
                handlers["RedeemGrant"] = self.redeem
            handlers |= {name: self.others[name] for name in self.others.keys() & handlers.keys()}
            self.endpoints |= wrap_service(service, handlers, edge)

    @asynccontextmanager
    async def served(self, directory: Path, limits: Limits | None = None, **options: Any) -> AsyncIterator[RpcServer]:
        """Serves over mTLS on loopback; every role has its certificate."""
        files = TlsFiles(*write_tls_files(directory, authority(), authority().leaf(**SERVER_NAMES)))
        listener = Listener("127.0.0.1:0", ReloadingCredentials(files, options.pop("alarm", print)))
        server = RpcServer(
            self.endpoints,
            options.pop("peers", Peers(BINDINGS)),
            options.pop("listeners", [listener]),
            limits,
            **options,
        )
        await server.start()
        try:
            yield server
        finally:
            await server.drain(0, 0)


def caller(role: Role) -> Callable[[], Caller]:
    """What an adapter finds out about who calls."""
    return lambda: Caller(role.value, role)


async def end_of(toy: Toy, arrival: Arrival, method: str = REDEEM) -> Ended:
    """Runs a call that must end without an answer."""
    with pytest.raises(Ended) as raised:
        await toy.endpoints[method](arrival)
    return raised.value


def channel(server: RpcServer, role: Role = Role.SHIM) -> grpc.aio.Channel:
    """A channel that shows the certificate of a role."""
    return connect(server, leaf_of(role))


def connect(server: RpcServer, leaf: Leaf | None) -> grpc.aio.Channel:
    """A channel of its own connection that shows `leaf`, or nothing."""
    options = (("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0))
    return grpc.aio.secure_channel(
        f"127.0.0.1:{server.ports[0]}", client_credentials(authority(), leaf), options=options
    )


@dataclass
class Seen:
    """What a client sees of one call."""

    code: grpc.StatusCode
    details: str
    trailers: dict[str, Any]
    answer: Any = None

    @property
    def decision_id(self) -> str:
        return self.trailers[DECISION_ID]

    @property
    def status(self) -> status_pb2.Status:
        return status_pb2.Status.FromString(self.trailers[DETAILS])

    @property
    def info(self) -> error_details_pb2.ErrorInfo:
        info = error_details_pb2.ErrorInfo()
        assert self.status.details[0].Unpack(info)
        return info


def shaped(channel: grpc.aio.Channel, method: str) -> Callable[..., Any]:
    """Calls a method over a channel with one message in the shape of the method."""
    _, name, rpc = method.split("/")
    found = next(service for _, service in SERVICES if service.full_name == name).methods_by_name[rpc]
    kind = ("stream" if found.client_streaming else "unary") + "_" + ("stream" if found.server_streaming else "unary")
    bound = getattr(channel, kind)(method)

    def call(raw: bytes, **options: Any) -> Any:
        return bound(iter([raw]) if found.client_streaming else raw, **options)

    return call


async def see(call: Any) -> Seen:
    """Awaits a call, however it ends; of a stream, all of its answers."""
    try:
        given = [each async for each in call] if hasattr(call, "__aiter__") else await call
    except grpc.aio.AioRpcError as error:
        return Seen(error.code(), error.details(), dict(error.trailing_metadata()))
    return Seen(await call.code(), await call.details(), dict(await call.trailing_metadata()), given)
