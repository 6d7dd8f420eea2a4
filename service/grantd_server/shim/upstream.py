"""The way from a shim that runs apart to its service: as many connections as its calls need,
and a call that the service provably never looked at is made once more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, Self

import grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

ENOUGH: Final = 32
"""Calls under way on a connection before another is opened: half of what the service takes,
as one that has just ended may still be counted there."""
MOST: Final = 16
"""Connections. Beyond them calls wait for a stream of theirs."""
LEAST_TIME: Final = 0.05
"""Seconds that must be left for a second try."""

REFUSED: Final = "RST_STREAM with error code 7"
"""How gRPC tells REFUSED_STREAM, with which a server says that it did nothing at all
(RFC 9113 section 8.7). What a GOAWAY leaves unseen gRPC repeats by itself."""


class Connection:
    """One channel, and how many calls are under way on it."""

    __slots__ = ("calls", "channel")

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.calls = 0


class Upstream(grpc.aio.Channel):
    """Looks like one channel; `connect` opens one with a connection of its own."""

    def __init__(self, connect: Callable[[], grpc.aio.Channel]) -> None:
        self._connect = connect
        self._connections = [Connection(connect())]

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool | None = False,
    ) -> Any:
        """Returns the callable of one method."""
        made: dict[Connection, Any] = {}

        def ask(request: Any, *, timeout: float, **more: Any) -> UpstreamCall:
            def begin(left: float) -> tuple[Connection, Any]:
                connection = self._least_busy()
                if connection not in made:
                    made[connection] = connection.channel.unary_unary(method, request_serializer, response_deserializer)
                return connection, made[connection](request, timeout=left, **more)

            return UpstreamCall(begin, timeout)

        return ask

    def unary_stream(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError

    stream_unary = stream_stream = unary_stream

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self._connections[0].channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self._connections[0].channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self._connections[0].channel.channel_ready()

    async def close(self, grace: float | None = None) -> None:
        for connection in self._connections:
            await connection.channel.close(grace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _least_busy(self) -> Connection:
        found = min(self._connections, key=lambda connection: connection.calls)
        if found.calls >= ENOUGH and len(self._connections) < MOST:
            found = Connection(self._connect())
            self._connections.append(found)
        return found


class UpstreamCall:
    """One call. It is made when it is awaited."""

    __slots__ = ("_begin", "_call", "_timeout")

    def __init__(self, begin: Callable[[float], tuple[Connection, Any]], timeout: float) -> None:
        self._begin = begin
        self._timeout = timeout
        self._call: Any = None

    def __await__(self) -> Generator[Any, None, Any]:
        return self._answered().__await__()

    async def trailing_metadata(self) -> Any:
        """Of the try that was answered."""
        return await self._call.trailing_metadata()

    async def _answered(self) -> Any:
        until = time.monotonic() + self._timeout
        try:
            return await self._tried(self._timeout)
        except grpc.aio.AioRpcError as error:
            left = until - time.monotonic()
            if left < LEAST_TIME or not _never_seen(error):
                raise
        return await self._tried(left)

    async def _tried(self, left: float) -> Any:
        connection, self._call = self._begin(left)
        connection.calls += 1
        try:
            return await self._call
        finally:
            connection.calls -= 1


def _never_seen(error: grpc.aio.AioRpcError) -> bool:
    """Whether the service did nothing at all. A call that it ended by itself has trailers."""
    return not error.trailing_metadata() and REFUSED in (error.details() or "")
