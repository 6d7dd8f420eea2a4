"""Whether the service behind the channel takes calls."""

from __future__ import annotations

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from grantd.v1.metadata_pb2 import ListIssuersRequest
from grantd.v1.metadata_pb2_grpc import MetadataServiceStub

_CHECK = "/grpc.health.v1.Health/Check"


async def channel_ready(channel: grpc.aio.Channel, seconds: float) -> bool:
    """Asks gRPC health, or where none is served whether issuers can be listed."""
    check = channel.unary_unary(
        _CHECK,
        request_serializer=HealthCheckRequest.SerializeToString,
        response_deserializer=HealthCheckResponse.FromString,
    )
    try:
        health = await check(HealthCheckRequest(), timeout=seconds)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
            return False
    else:
        return bool(health.status == HealthCheckResponse.SERVING)
    try:
        await MetadataServiceStub(channel).ListIssuers(ListIssuersRequest(), timeout=seconds)
    except grpc.aio.AioRpcError:
        return False
    return True
