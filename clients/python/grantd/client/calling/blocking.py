"""Runs calls for threads; each blocks."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar

import grpc

from grantd.client.calling.call import Tokens, size_of
from grantd.client.connection import Connection, closed
from grantd.client.retry import decision_of, is_worth_repeating, trace_metadata
from grantd.errors import of_rpc

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from types import TracebackType

    from grantd.client.calling.call import Call, Page
    from grantd.client.channel import Endpoint, Opened
    from grantd.errors import GrantdError

R = TypeVar("R")


class Caller(Connection):
    """Calls from threads. The channel opens with the first call."""

    _channel: grpc.Channel | None = None
    _stubs: dict[str, Any]

    def __init__(self, endpoint: Endpoint | Opened, **settings: Any) -> None:
        super().__init__(endpoint, **settings)
        self._opening = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the channel. Calls that are under way, and all that come, end as `Unavailable`."""
        with self._opening:
            self._is_closed = True
        if self._channel is not None:
            self._channel.close()

    def _run(self, call: Call[R]) -> R:
        give_up = time.monotonic() + self._seconds(call)
        pauses = self._retry.pauses(call.repeatable)
        while True:
            try:
                answer, rpc = self._sent(self._method(call).with_call, call, give_up)
                return call.read(answer, decision_of(rpc.trailing_metadata()))
            except grpc.RpcError as fault:
                error = of_rpc(fault)
            _wait(error, pauses, give_up)

    def _answers(self, call: Call[R]) -> Generator[R, None, None]:
        """The answers of a stream as they come. Only before the first is it tried again;
        whoever closes the generator ends the call."""
        give_up = time.monotonic() + self._seconds(call)
        pauses = self._retry.pauses(call.repeatable)
        while True:
            rpc = self._sent(self._method(call), call, give_up)
            begun = False
            try:
                for answer in rpc:
                    begun = True
                    yield call.read(answer, None)
                return
            except grpc.RpcError as fault:
                error = of_rpc(fault)
            finally:
                rpc.cancel()
            if begun:
                raise error
            _wait(error, pauses, give_up)

    def _rows(self, page: Callable[[int, str], Call[Page[R]]], limit: int | None) -> Iterator[R]:
        """The rows of a list, a page at a time as they are taken."""
        left, token, tokens = limit, "", Tokens()
        while left is None or left > 0:
            found = self._run(page(size_of(left), token))
            yield from found.rows[:left]
            left, token = None if left is None else left - len(found.rows), tokens.new(found.more)
            if not token:
                return

    def _method(self, call: Call[R]) -> Any:
        with self._opening:
            if self._is_closed:
                raise closed()
            if self._channel is None:
                self._channel = self._endpoint.open()
                self._stubs = self._stubs_of(self._channel)
        return getattr(self._stubs[call.service], call.method)

    def _sent(self, send: Callable[..., Any], call: Call[R], give_up: float) -> Any:
        message, left = call.build(), give_up - time.monotonic()
        try:
            return send(message, timeout=left, metadata=trace_metadata(self._trace))
        except ValueError as fault:  # another thread closed the channel just now, or whose it is: see Opened
            if not self._is_closed and "closed" not in str(fault):
                raise
            raise closed() from None


def _wait(error: GrantdError, pauses: Iterator[float], give_up: float) -> None:
    """Waits until the call is tried again, or raises."""
    pause = next(pauses, None)
    if pause is None or not is_worth_repeating(error) or time.monotonic() + pause >= give_up:
        raise error
    time.sleep(pause)
