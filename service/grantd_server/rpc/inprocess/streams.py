"""Calls over the in-process channel that answer with a stream, as grpc.aio shows them."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any

import grpc
from grpc.aio import EOF  # type: ignore[attr-defined]  # not in its stubs

from grantd_server.rpc.chain.edge import StreamArrival
from grantd_server.rpc.chain.status import Ended, Trailers

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable

    from grantd_server.rpc.chain.edge import Arrival, Served


def pieces(
    requests: AsyncIterable[Any] | Iterable[Any] | None, serialize: Callable[[Any], bytes]
) -> AsyncIterator[bytes]:
    """The messages of a client, serialised one by one as they are asked for."""
    if requests is None:
        raise grpc.aio.UsageError("in process, the messages of a stream come as an iterator")
    return _serialised(requests, serialize)


async def _serialised(
    requests: AsyncIterable[Any] | Iterable[Any], serialize: Callable[[Any], bytes]
) -> AsyncIterator[bytes]:
    if hasattr(requests, "__aiter__"):
        async for request in requests:
            yield serialize(request)
    else:
        for request in requests:
            yield serialize(request)


class InProcessStream(grpc.aio.StreamStreamCall[Any, Any]):
    """One call with many answers: its handler runs in a task of its own, no further
    ahead than one answer, from the first time that somebody reads."""

    def __init__(self, endpoint: Served, arrival: Arrival, deserialize: Callable[[bytes], Any]) -> None:
        self._endpoint = endpoint
        self._arrival = arrival
        self._deserialize = deserialize
        self._expires = None if arrival.timeout is None else monotonic() + arrival.timeout
        self._answers: asyncio.Queue[bytes | None] = asyncio.Queue(1)
        self._task: asyncio.Task[None] | None = None
        self._done = asyncio.Event()
        self._cancelled = False
        self._code = grpc.StatusCode.OK
        self._details = ""
        self._trailers: Trailers = ()
        self._callbacks: list[Callable[[Any], None]] = []

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (answer := await self.read()) is not EOF:
            yield answer

    async def read(self) -> Any:
        self._start()
        answer = None if self._done.is_set() and self._answers.empty() else await self._answers.get()
        if answer is not None:
            return self._deserialize(answer)
        if self._cancelled:
            raise asyncio.CancelledError
        if self._code is not grpc.StatusCode.OK:
            empty = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(self._code, empty, self._metadata(), self._details, debug_error_string=None)
        return EOF

    async def write(self, request: Any) -> None:  # noqa: ARG002 - of the base
        raise grpc.aio.UsageError("in process, the messages of a stream come as an iterator")

    async def done_writing(self) -> None:
        """Nothing is left to be written: the iterator has an end."""

    def _start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run())
            self._task.add_done_callback(self._finish)

    async def _run(self) -> None:
        arrival = self._arrival
        try:
            incoming = arrival.pieces if isinstance(arrival, StreamArrival) else None
            _, self._trailers = await self._endpoint(StreamArrival.of(arrival, incoming, self._answers.put))
        except Ended as end:
            self._code, self._details, self._trailers = end.code, end.details, end.trailers

    def _finish(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():
            self._cancelled = True
            self._code, self._details = grpc.StatusCode.CANCELLED, "Locally cancelled by application!"
        self._done.set()
        if not self._answers.full():
            # Wakes whoever reads; where the queue is full, the reader sees the end afterwards.
            self._answers.put_nowait(None)
        for callback in self._callbacks:
            callback(self)
        self._callbacks.clear()

    def _metadata(self) -> grpc.aio.Metadata:
        return grpc.aio.Metadata(*self._trailers)

    async def initial_metadata(self) -> grpc.aio.Metadata:
        return grpc.aio.Metadata()

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        await self._ended()
        return self._metadata()

    async def code(self) -> grpc.StatusCode:
        await self._ended()
        return self._code

    async def details(self) -> str:
        await self._ended()
        return self._details

    async def _ended(self) -> None:
        self._start()
        await self._done.wait()

    async def wait_for_connection(self) -> None:
        """Returns at once: there is none."""

    def cancel(self) -> bool:
        """Ends the call, and with it the task of its handler."""
        if self._done.is_set():
            return False
        self._start()
        if self._task is not None:
            self._task.cancel()
        return True

    def cancelled(self) -> bool:
        return self._cancelled

    def done(self) -> bool:
        return self._done.is_set()

    def time_remaining(self) -> float | None:
        return None if self._expires is None else max(0.0, self._expires - monotonic())

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        if self._done.is_set():
            callback(self)
        else:
            self._callbacks.append(callback)
