"""The gRPC server: hardened options, listeners, health, and an end without a failed call."""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc

from grantd_server.rpc.limits import Limits
from grantd_server.rpc.server import health
from grantd_server.rpc.server.aio import add_endpoints
from grantd_server.rpc.server.health import Health
from grantd_server.rpc.server.reflection import add_reflection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grantd_server.rpc.chain import Endpoint
    from grantd_server.rpc.server.aio import Peers
    from grantd_server.rpc.server.tls import ReloadingCredentials


class ListenerUnusable(Exception):
    """An address cannot be listened on, or must not be."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Where to listen: `host:port` or `unix:/path`; without credentials, plaintext."""

    address: str
    credentials: ReloadingCredentials | None = None

    def __post_init__(self) -> None:
        if self.credentials is None and not is_local(self.address):
            raise ListenerUnusable(f"{self.address} is beyond this machine and needs TLS")


def is_local(address: str) -> bool:
    """Whether only this machine reaches the address: a Unix socket or a loopback literal."""
    if address.startswith("unix:"):
        return True
    try:
        return ipaddress.ip_address(address.rpartition(":")[0].strip("[]")).is_loopback
    except ValueError:
        # A name, even `localhost`, means what a resolver says.
        return False


class RpcServer:
    """One gRPC server. `ports` are known once it has started."""

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint],
        peers: Peers,
        listeners: Sequence[Listener],
        limits: Limits | None = None,
        *,
        reflection: bool = False,
    ) -> None:
        limits = limits or Limits()
        services = sorted({name.split("/")[1] for name in endpoints})
        self.grpc = grpc.aio.server(options=limits.options(), maximum_concurrent_rpcs=limits.calls)
        self.health = Health(services, peers)
        self.ports: tuple[int, ...] = ()
        self._listeners = tuple(listeners)
        add_endpoints(self.grpc, endpoints, peers)
        self.health.add_to(self.grpc)
        if reflection:
            add_reflection(self.grpc, (*services, health.SERVICE), peers)

    async def start(self) -> None:
        """Binds every listener and takes calls; health stays NOT_SERVING until it is set.

        Raises:
            ListenerUnusable: an address is taken or not ours.
        """
        self.ports = tuple(self._bind(listener) for listener in self._listeners)
        await self.grpc.start()

    async def serve(self) -> None:
        """Returns when the server has ended."""
        await self.grpc.wait_for_termination()

    async def drain(self, notice: float, grace: float) -> None:
        """Ends the server without a failed call. Times are seconds.

        Health says NOT_SERVING first, and calls are still taken for `notice`, in which
        load balancers look elsewhere; what is under way then has `grace` to finish.
        """
        self.health.drain()
        await asyncio.sleep(notice)
        self.health.close()
        await self.grpc.stop(grace)

    def _bind(self, listener: Listener) -> int:
        try:
            if listener.credentials is None:
                return self.grpc.add_insecure_port(listener.address)
            return self.grpc.add_secure_port(listener.address, listener.credentials.server_credentials())
        except RuntimeError:
            raise ListenerUnusable(f"cannot listen on {listener.address}") from None
