"""The step that reads and writes messages where more than one goes either way."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError

from grantd_server.refusals import Reason, Refused
from grantd_server.rpc.chain.steps import AnswerTooLarge
from grantd_server.rpc.limits import MESSAGE_BYTES, PIECE_TIME, UPLOAD_BYTES, UPLOAD_OVERHEAD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.message import Message

    from grantd_server.flows.road.call import Call
    from grantd_server.rpc.chain.edge import Edge, Method, Step, StreamArrival


def streamed(inner: Step, method: Method, edge: Edge) -> Step:  # noqa: ARG001 - every layer has one shape
    """As `parsed`: each message within the limit of the wire, all of them within one of
    their own, none of them long awaited.

    The handler gets the messages of a stream as an iterator; one that answers with a
    stream is a generator, and goes on when the client has taken what it gave.
    """

    async def step(message: StreamArrival, call: Call) -> bytes:
        request = (
            _messages(message.pieces, method.request_type)
            if method.takes_stream
            else _read(method.request_type, message.raw)
        )
        if not method.gives_stream:
            return _written(await inner(request, call))
        answers: Any = inner(request, call)
        async with aclosing(answers):
            async for answer in answers:
                await message.send(_written(answer))
        return b""

    return step


async def _messages(pieces: AsyncIterator[bytes], request_type: type[Message]) -> AsyncIterator[Message]:
    total = 0
    while (raw := await _next(pieces)) is not None:
        total += len(raw) + UPLOAD_OVERHEAD
        if total > UPLOAD_BYTES:
            raise Refused(Reason.BODY_TOO_LARGE, limit=UPLOAD_BYTES)
        yield _read(request_type, raw)


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    try:
        async with asyncio.timeout(PIECE_TIME) as limit:
            return await anext(pieces, None)
    except TimeoutError:
        if not limit.expired():
            raise
        raise Refused(Reason.BODY_TOO_SLOW, limit=PIECE_TIME) from None


def _read(request_type: type[Message], raw: bytes) -> Message:
    if len(raw) > MESSAGE_BYTES:
        raise Refused(Reason.BODY_TOO_LARGE, limit=MESSAGE_BYTES, size=len(raw))
    try:
        return request_type.FromString(raw)
    except DecodeError:
        raise Refused(Reason.MESSAGE_MALFORMED, size=len(raw)) from None


def _written(answer: Message) -> bytes:
    body: bytes = answer.SerializeToString()
    if len(body) > MESSAGE_BYTES:
        raise AnswerTooLarge
    return body
