"""Redemptions at a steady rate, and how long they take."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING, Any, Final

import grpc
from bench.work import SERVICE, Work, check

from grantd.v1 import authorization_pb2 as pb

if TYPE_CHECKING:
    from bench.measured import Server

REFUSED_STREAM: Final = "RST_STREAM with error code 7"
RATE: Final = 100
"""Redemptions a second: a service that is used, and not flooded."""


async def redemptions(server: Server, seconds: float, taken: list[float]) -> None:
    """Redeems at a steady rate, whatever each takes."""
    bodies = Work(int(seconds * RATE)).redeem()
    began, calls = time.monotonic(), []
    for number, body in enumerate(bodies):
        await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
        channel = server.grpc.channels[number % len(server.grpc.channels)]
        calls.append(asyncio.create_task(_redeem(channel, body, taken)))
    await asyncio.gather(*calls)


async def _redeem(channel: grpc.aio.Channel, body: bytes, taken: list[float]) -> None:
    began = time.monotonic()
    call: Any = channel.unary_unary(SERVICE + "RedeemGrant")
    try:
        answer = await call(body, timeout=20)
    except grpc.aio.AioRpcError as error:
        if REFUSED_STREAM not in str(error.details()):
            raise
        answer = await call(body, timeout=20)  # never looked at: clients send it again
    taken.append(time.monotonic() - began)
    check(bool(pb.RedeemGrantResponse.FromString(answer).access_token))


def quantile(seconds: list[float], share: float) -> float:
    """In milliseconds."""
    return 1000 * statistics.quantiles(seconds, n=1000)[int(share * 1000) - 1]
