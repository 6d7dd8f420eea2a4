"""One call over the in-process channel, as grpc.aio shows calls to a client."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any

import grpc

from grantd_server.rpc.chain.status import Ended, Trailers

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from grantd_server.rpc.chain.edge import Arrival, Served


class InProcessCall(grpc.aio.UnaryUnaryCall[Any, Any]):
    """Awaitable once or often; runs in the task that awaits it first, without a hop.

    Unlike over a network, a call that nobody awaits never starts.
    """

    def __init__(self, endpoint: Served, arrival: Arrival, deserialize: Callable[[bytes], Any]) -> None:
        self._endpoint = endpoint
        self._arrival = arrival
        self._deserialize = deserialize
        self._expires = None if arrival.timeout is None else monotonic() + arrival.timeout
        self._task: asyncio.Task[Any] | None = None
        self._done = False
        self._cancelled = False
        self._answer: Any = None
        self._code = grpc.StatusCode.OK
        self._details = ""
        self._trailers: Trailers = ()
        self._callbacks: list[Callable[[Any], None]] = []

    def __await__(self) -> Generator[Any, None, Any]:
        return self._outcome().__await__()

    async def _outcome(self) -> Any:
        if not self._done:
            await self._run()
        if self._cancelled:
            raise asyncio.CancelledError
        if self._code is not grpc.StatusCode.OK:
            raise grpc.aio.AioRpcError(
                self._code, grpc.aio.Metadata(), self._metadata(), self._details, debug_error_string=None
            )
        return self._answer

    async def _run(self) -> None:
        if self._task is not None:
            raise grpc.aio.UsageError("the call is already awaited by another task")
        self._task = asyncio.current_task()
        try:
            answer, self._trailers = await self._endpoint(self._arrival)
            self._answer = self._deserialize(answer)
        except Ended as end:
            self._code, self._details, self._trailers = end.code, end.details, end.trailers
        except asyncio.CancelledError:
            self._end_cancelled()
            raise
        self._finish()

    def _end_cancelled(self) -> None:
        self._cancelled = True
        self._code, self._details = grpc.StatusCode.CANCELLED, "Locally cancelled by application!"
        self._finish()

    def _finish(self) -> None:
        self._done = True
        for callback in self._callbacks:
            callback(self)
        self._callbacks.clear()

    async def _settled(self) -> None:
        if not self._done:
            await self._run()

    def _metadata(self) -> grpc.aio.Metadata:
        return grpc.aio.Metadata(*self._trailers)

    async def initial_metadata(self) -> grpc.aio.Metadata:
        await self._settled()
        return grpc.aio.Metadata()

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        await self._settled()
        return self._metadata()

    async def code(self) -> grpc.StatusCode:
        await self._settled()
        return self._code

    async def details(self) -> str:
        await self._settled()
        return self._details

    async def wait_for_connection(self) -> None:
        """Returns at once: there is none."""

    def cancel(self) -> bool:
        """Cancels the call, and with it the task that awaits it."""
        if self._done:
            return False
        if self._task is None:
            self._end_cancelled()
        else:
            self._task.cancel()
        return True

    def cancelled(self) -> bool:
        return self._cancelled

    def done(self) -> bool:
        return self._done

    def time_remaining(self) -> float | None:
        return None if self._expires is None else max(0.0, self._expires - monotonic())

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        if self._done:
            callback(self)
        else:
            self._callbacks.append(callback)
