"""A client that notes every call that it makes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

import organisation as org
from chaos.evidence import ACTIVE, INACTIVE, TOKEN, UNKNOWN, Call
from chaos.kinds import claims_of, digest_of
from grantd.v1.authorization_pb2_grpc import AuthorizationServiceStub
from grantd_server.checks import chain_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaos.cluster import Replica

PATIENCE: Final = 5.0
OURS: Final = frozenset({"UNAVAILABLE", "OUT_OF_TIME", "CANCELLED", "INTERNAL", "OVERLOADED"})
"""Public reasons that decide nothing: the client does not know what became of its call."""
NOT_PROCESSED: Final = "RST_STREAM with error code 7"
"""REFUSED_STREAM: the service has not looked at the call (RFC 9113 section 8.7)."""
_DECISION: Final = "x-grantd-decision-id"


class Client:
    """Calls any replica, over connections that last."""

    def __init__(self, note: Callable[[Call], None]) -> None:
        self.calls = 0
        self.reconnected = 0
        """Calls that came as a connection reached its age, and went out on the next one."""
        self._note = note
        self._channels: dict[str, grpc.aio.Channel] = {}

    async def call(self, replica: Replica, rpc: str, request: Any, kind: str, chain: str = "") -> tuple[Call, Any]:
        """One call; how it ended, and its answer."""
        stub = AuthorizationServiceStub(self._channel(replica.target))
        begun, answer = time.monotonic(), None
        called = getattr(stub, rpc)(request, timeout=PATIENCE)
        try:
            try:
                answer = await called
            except grpc.aio.AioRpcError as error:
                if NOT_PROCESSED not in (error.details() or ""):
                    raise
                self.reconnected += 1
                called = getattr(stub, rpc)(request, timeout=PATIENCE)
                answer = await called
            decision = dict(await called.trailing_metadata()).get(_DECISION, "")
            ended, status, cause = _read(answer), "OK", ""
        except grpc.aio.AioRpcError as error:
            decision = dict(error.trailing_metadata() or ()).get(_DECISION, "")
            ended, status, cause = _reason(error), error.code().name, ""
            if ended == UNKNOWN:
                cause = (error.details() or "")[:120]
        token = str(getattr(answer, "access_token", "") or getattr(answer, "token", ""))
        if rpc == "ExchangeIdentity" and token:
            chain = chain_of(org.GRANTS, claims_of(token)["jti"])
        call = Call(
            rpc, kind, replica.number, begun, time.monotonic(), ended, status, chain, str(decision),
            digest_of(token) if token else "", cause,
        )  # fmt: skip
        self.calls += 1
        self._note(call)
        return call, answer

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()

    def _channel(self, target: str) -> grpc.aio.Channel:
        if target not in self._channels:
            options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 500)]
            self._channels[target] = grpc.aio.insecure_channel(target, options)
        return self._channels[target]


def _read(answer: Any) -> str:
    if hasattr(answer, "active"):
        return ACTIVE if answer.active else INACTIVE
    return TOKEN


def _reason(error: grpc.aio.AioRpcError) -> str:
    """The public reason; `unknown` when there is none, or one that decides nothing."""
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    if status is None or not status.details or not status.details[0].Unpack(info):
        return UNKNOWN
    return UNKNOWN if info.reason in OURS else str(info.reason)
