"""Test support: a whole service over mTLS, and its typed clients for administrators, of both
kinds behind one way to call them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certificates import write_tls_files
from grantd.administration import AsyncDecisions, AsyncGovernance, Decisions, Governance
from grantd.client.channel import Endpoint
from grantd.client.retry import Retry
from grantd_server.model.caller import Role
from house import House, running
from rpc_toy import Toy, authority, leaf_of

QUICK = Retry(attempts=3, first_pause=0.001, longest_pause=0.002)
TWINS: dict[type, Any] = {Governance: AsyncGovernance, Decisions: AsyncDecisions}

Ask = Callable[..., Awaitable[Any]]


async def asynchronous(kind: type, endpoint: Endpoint, method: str, /, *args: Any, **given: Any) -> Any:
    """Calls the twin for an event loop; of a list, all of it."""
    async with TWINS[kind](endpoint, retry=QUICK) as client:
        found = getattr(client, method)(*args, **given)
        return [each async for each in found] if isinstance(found, AsyncIterator) else await found


async def blocking(kind: type, endpoint: Endpoint, method: str, /, *args: Any, **given: Any) -> Any:
    """Calls the one for threads, in a thread; of a list, all of it."""

    def call() -> Any:
        with kind(endpoint, retry=QUICK) as client:
            found = getattr(client, method)(*args, **given)
            return list(found) if isinstance(found, Iterator) else found

    return await asyncio.to_thread(call)


WAYS = {"aio": asynchronous, "blocking": blocking}


@dataclass
class Offices:
    """Where administrators call."""

    port: int
    folder: Path
    way: Ask

    def endpoint(self, role: Role = Role.ADMIN) -> Endpoint:
        """Reached with the certificate of a role."""
        place = self.folder / role.value
        place.mkdir(exist_ok=True)
        certificate, key, ca = write_tls_files(place, authority(), leaf_of(role))
        return Endpoint.mtls(f"127.0.0.1:{self.port}", ca=ca, certificate=certificate, key=key)

    async def governance(self, method: str, /, *args: Any, role: Role = Role.ADMIN, **given: Any) -> Any:
        return await self.way(Governance, self.endpoint(role), method, *args, **given)

    async def decisions(self, method: str, /, *args: Any, role: Role = Role.ADMIN, **given: Any) -> Any:
        return await self.way(Decisions, self.endpoint(role), method, *args, **given)


@asynccontextmanager
async def toy_offices(toy: Toy, folder: Path, way: Ask) -> AsyncIterator[Offices]:
    """A service whose methods do what a test says."""
    async with toy.served(folder) as server:
        yield Offices(server.ports[0], folder, way)


@asynccontextmanager
async def house_offices(folder: Path, document: dict[str, Any], way: Ask) -> AsyncIterator[tuple[House, Offices]]:
    """A whole service, with a bundle in force."""
    async with running(folder, document) as house:
        toy = Toy()
        toy.endpoints = dict(house.parts.endpoints)
        async with toy_offices(toy, folder, way) as offices:
            yield house, offices
