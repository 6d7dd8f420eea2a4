"""Runs calls for one event loop: the twin of `blocking`."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar

import grpc.aio

from grantd.client.calling.call import Tokens, size_of
from grantd.client.connection import Connection, closed
from grantd.client.retry import decision_of, is_worth_repeating, trace_metadata
from grantd.errors import of_rpc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
    from types import TracebackType

    from grantd.client.calling.call import Call, Page
    from grantd.errors import GrantdError

R = TypeVar("R")


class AsyncCaller(Connection):
    """Calls from one event loop. The channel opens with the first call."""

    _channel: grpc.aio.Channel | None = None
    _stubs: dict[str, Any]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the channel. Calls that are under way, and all that come, end as `Unavailable`."""
        self._is_closed = True
        if self._channel is not None:
            await self._channel.close(None)

    async def _run(self, call: Call[R]) -> R:
        give_up = time.monotonic() + self._seconds(call)
        pauses = self._retry.pauses(call.repeatable)
        while True:
            rpc = self._begun(call, give_up)
            try:
                answer = await rpc
                return call.read(answer, decision_of(await rpc.trailing_metadata()))
            except grpc.aio.AioRpcError as fault:
                error = of_rpc(fault)
            except asyncio.CancelledError:
                error = _of_closing()
            await _wait(error, pauses, give_up)

    async def _answers(self, call: Call[R]) -> AsyncGenerator[R, None]:
        """The answers of a stream as they come. Only before the first is it tried again;
        whoever closes the generator ends the call."""
        give_up = time.monotonic() + self._seconds(call)
        pauses = self._retry.pauses(call.repeatable)
        while True:
            rpc = self._begun(call, give_up)
            begun = False
            try:
                async for answer in rpc:
                    begun = True
                    yield call.read(answer, None)
                return
            except grpc.aio.AioRpcError as fault:
                error = of_rpc(fault)
            except asyncio.CancelledError:
                error = _of_closing()
            finally:
                rpc.cancel()
            if begun:
                raise error
            await _wait(error, pauses, give_up)

    async def _rows(self, page: Callable[[int, str], Call[Page[R]]], limit: int | None) -> AsyncIterator[R]:
        """The rows of a list, a page at a time as they are taken."""
        left, token, tokens = limit, "", Tokens()
        while left is None or left > 0:
            found = await self._run(page(size_of(left), token))
            for row in found.rows[:left]:
                yield row
            left, token = None if left is None else left - len(found.rows), tokens.new(found.more)
            if not token:
                return

    def _begun(self, call: Call[R], give_up: float) -> Any:
        """An attempt, under way."""
        if self._is_closed:
            raise closed()
        if self._channel is None:
            self._channel = self._endpoint.open_aio()
            self._stubs = self._stubs_of(self._channel)
        method = getattr(self._stubs[call.service], call.method)
        message, left = call.build(), give_up - time.monotonic()
        try:
            return method(message, timeout=left, metadata=trace_metadata(self._trace))
        except grpc.aio.UsageError:  # whose channel it is closed it: see Opened
            raise closed() from None


def _of_closing() -> GrantdError:
    """Of a call that ended as its channel was closed. Raises again where it is the
    task that was cancelled: then nobody is left to be told."""
    task: Any = asyncio.current_task()  # which is what awaits this
    if task.cancelling():
        raise  # noqa: PLE0704 - only called where a CancelledError is handled
    return closed()


async def _wait(error: GrantdError, pauses: Iterator[float], give_up: float) -> None:
    """Waits until the call is tried again, or raises."""
    pause = next(pauses, None)
    if pause is None or not is_worth_repeating(error) or time.monotonic() + pause >= give_up:
        raise error
    await asyncio.sleep(pause)
