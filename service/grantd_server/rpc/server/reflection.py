"""Server reflection, for development: off unless switched on, and then for known callers only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grpc_reflection.v1alpha import reflection_pb2_grpc
from grpc_reflection.v1alpha.reflection import SERVICE_NAME
from grpc_reflection.v1alpha.reflection import aio as reflection_aio  # type: ignore[attr-defined]  # not in its stubs

from grantd_server.rpc.server.aio import known_caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    import grpc

    from grantd_server.rpc.server.aio import Peers


def add_reflection(server: grpc.aio.Server, services: Iterable[str], peers: Peers) -> None:
    """Serves the descriptors of `services`."""
    servicer = _Reflection((*services, SERVICE_NAME), peers)
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]  # generated


class _Reflection(reflection_aio.ReflectionServicer):  # type: ignore[name-defined,misc]  # not in its stubs
    def __init__(self, services: Iterable[str], peers: Peers) -> None:
        super().__init__(services)
        self._peers = peers

    async def ServerReflectionInfo(self, requests: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802 - generated
        await known_caller(context, self._peers)
        async for answer in super().ServerReflectionInfo(requests, context):
            yield answer
