"""What both clients are built from: where, how long, how often, in which trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from grantd.client.channel import Endpoint
from grantd.client.retry import Retry, TraceHeaders
from grantd.v1.authorization_pb2_grpc import AuthorizationServiceStub
from grantd.v1.metadata_pb2_grpc import MetadataServiceStub

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

DEADLINE = 5.0
"""Seconds for one call with all its attempts; the service gives a call no longer."""


class Connection:
    """One endpoint and how it is called."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        deadline: float = DEADLINE,
        retry: Retry = Retry(),  # noqa: B008 - frozen
        trace: TraceHeaders | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._deadline = deadline
        self._retry = retry
        self._trace = trace

    @classmethod
    def mtls(
        cls,
        target: str,
        *,
        ca: str | os.PathLike[str],
        certificate: str | os.PathLike[str],
        key: str | os.PathLike[str],
        server_name: str | None = None,
    ) -> Self:
        """A client with mutual TLS, from three PEM files; see `Endpoint.mtls`."""
        return cls(Endpoint.mtls(target, ca=ca, certificate=certificate, key=key, server_name=server_name))

    @classmethod
    def loopback(cls, target: str) -> Self:
        """A client without TLS, for development on one machine; see `Endpoint.loopback`."""
        return cls(Endpoint.loopback(target))

    @classmethod
    def from_env(cls) -> Self:
        """A client from the GRANTD_CLIENT_ variables; see `Endpoint.from_env`."""
        return cls(Endpoint.from_env())


def stubs_of(channel: Any) -> dict[str, Any]:
    """The methods of both services. Typed `Any`: one stub class serves both kinds of channel."""
    return {"AuthorizationService": AuthorizationServiceStub(channel), "MetadataService": MetadataServiceStub(channel)}


def several(values: Sequence[str]) -> Sequence[str]:
    """The values of a parameter that may repeat. A lone str is one value, not its letters."""
    return [values] if isinstance(values, str) else values
