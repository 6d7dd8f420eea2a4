"""The issuers of the service, learnt over the channel and kept for a moment."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc

from grantd.v1.metadata_pb2 import ListIssuersRequest
from grantd_server.shim.issuers.routes import Routes

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd.v1.metadata_pb2 import ListIssuersResponse
    from grantd.v1.metadata_pb2_grpc import MetadataServiceAsyncStub
    from grantd_server.shim.limits import ShimLimits


class IssuerDirectory:
    """Asks once for many waiters, and keeps the last copy while the service is away:
    each request is decided by the service anyway."""

    def __init__(self, stub: MetadataServiceAsyncStub, limits: ShimLimits, clock: Callable[[], float]) -> None:
        self._stub = stub
        self._limits = limits
        self._clock = clock
        self._answer: ListIssuersResponse | None = None
        self._routes: Routes | None = None
        self._tried_at = 0.0
        self._flight: asyncio.Task[grpc.aio.AioRpcError | None] | None = None

    async def routes(self) -> Routes:
        """The routes, at most `issuers_seconds` old while the service answers.

        Raises:
            grpc.aio.AioRpcError: the service never answered.
        """
        if self._routes is not None and self._clock() - self._tried_at < self._limits.issuers_seconds:
            return self._routes
        if self._flight is None:
            self._flight = asyncio.create_task(self._refresh())
        # Shielded: a waiter that is cancelled must not take the others' answer away.
        error = await asyncio.shield(self._flight)
        if self._routes is None:
            assert error is not None  # noqa: S101 - a flight ends with routes or an error
            raise error
        return self._routes

    async def _refresh(self) -> grpc.aio.AioRpcError | None:
        # A service that hangs must not hold every request for a whole call's time.
        seconds = self._limits.call_seconds if self._routes is None else self._limits.issuers_seconds
        try:
            answer = await self._stub.ListIssuers(ListIssuersRequest(), timeout=seconds)
            if answer != self._answer:
                self._routes = Routes(answer.issuers, cors=self._limits.cors)
                self._answer = answer
        except grpc.aio.AioRpcError as error:
            return error
        else:
            return None
        finally:
            # Also after a failure: the next try comes after the same time.
            self._tried_at = self._clock()
            self._flight = None
