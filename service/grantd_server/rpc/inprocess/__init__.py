"""The chain in process: a channel that calls it directly, for the shim beside it.

The shim holds a stub over this channel and cannot tell it from a network: the same
bytes, limits, deadlines, statuses and trailers, and only the methods of its role.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import grpc

from grantd_server.model.caller import Caller, Role
from grantd_server.rpc.chain import Endpoint
from grantd_server.rpc.chain.edge import Arrival, StreamArrival
from grantd_server.rpc.inprocess.call import InProcessCall
from grantd_server.rpc.inprocess.streams import InProcessStream, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grantd_server.rpc.chain.edge import Served

SHIM = Caller("in-process", Role.SHIM)


def _opener(*, takes: bool, gives: bool) -> Callable[..., Any]:
    """One of the four ways in which stubs ask a channel for the callable of a method."""

    def opened(
        channel: InProcessChannel,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool | None = False,
    ) -> Any:
        """Returns the callable of one method; an unknown one answers UNIMPLEMENTED."""
        return channel.callable_of(method, (takes, gives), request_serializer, response_deserializer)

    return opened


class InProcessChannel(grpc.aio.Channel):
    """A channel to endpoints of this process, as one fixed caller."""

    def __init__(self, endpoints: Mapping[str, Served], caller: Caller = SHIM) -> None:
        self._endpoints = endpoints
        self._caller = caller

    unary_unary = _opener(takes=False, gives=False)
    unary_stream = _opener(takes=False, gives=True)
    stream_unary = _opener(takes=True, gives=False)
    stream_stream = _opener(takes=True, gives=True)

    def callable_of(
        self,
        method: str,
        streams: tuple[bool, bool],
        serialize: Callable[[Any], bytes] | None,
        deserialize: Callable[[bytes], Any] | None,
    ) -> Any:
        """What a stub calls; `streams` says whether requests and answers are."""
        endpoint = self._endpoints.get(method)
        if endpoint is None or streams != _streams(endpoint):
            return Unimplemented(method)
        kind = _Streamed if any(streams) else _UnaryUnary
        return kind(endpoint, self._caller, serialize or bytes, deserialize or bytes)

    async def close(self, grace: float | None = None) -> None:
        """Nothing is open."""

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: ARG002 - of the base
        return grpc.ChannelConnectivity.READY

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Returns at once: there is no connection whose state could change."""

    async def channel_ready(self) -> None:
        """Returns at once."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class _UnaryUnary:
    """What a stub calls."""

    def __init__(
        self,
        endpoint: Served,
        caller: Caller,
        serialize: Callable[[Any], bytes],
        deserialize: Callable[[bytes], Any],
    ) -> None:
        self._endpoint = endpoint
        self._caller = caller
        self._serialize = serialize
        self._deserialize = deserialize

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: object = None,  # noqa: ARG002 - there is no connection to prove anything to
        wait_for_ready: bool | None = None,  # noqa: ARG002 - it always is
        compression: object = None,  # noqa: ARG002 - nothing travels
    ) -> InProcessCall:
        texts = {key: value for key, value in metadata or () if isinstance(value, str)}
        # Serialised, though it need not travel: the handler gets bytes of its own, under
        # the same parser and the same limits as from a network.
        arrival = Arrival(self._serialize(request), lambda: self._caller, timeout, texts)
        return InProcessCall(self._endpoint, arrival, self._deserialize)


class _Streamed(_UnaryUnary):
    """The same for a method with a stream."""

    def __call__(
        self,
        request: Any = None,
        *,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: object = None,  # noqa: ARG002 - as above
        wait_for_ready: bool | None = None,  # noqa: ARG002 - as above
        compression: object = None,  # noqa: ARG002 - as above
    ) -> Any:
        texts = {key: value for key, value in metadata or () if isinstance(value, str)}
        takes, gives = _streams(self._endpoint)
        raw = b"" if takes else self._serialize(request)
        arrival = Arrival(raw, lambda: self._caller, timeout, texts)
        stream = StreamArrival.of(arrival, pieces(request, self._serialize) if takes else None)
        return (InProcessStream if gives else InProcessCall)(self._endpoint, stream, self._deserialize)


def _streams(endpoint: Served) -> tuple[bool, bool]:
    if not isinstance(endpoint, Endpoint):
        return False, False
    return endpoint.method.takes_stream, endpoint.method.gives_stream


class Unimplemented:
    """The callable of a method that is not served in process."""

    def __init__(self, method: str) -> None:
        self._method = method

    def __call__(self, *_: object, **__: object) -> Any:
        empty = grpc.aio.Metadata()
        details = f"{self._method} is not served in process"
        raise grpc.aio.AioRpcError(grpc.StatusCode.UNIMPLEMENTED, empty, empty, details, None)
