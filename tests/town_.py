"""Test support: the service on real loopback URLs, for software that insists on HTTP.

The same company as `organisation`, with its issuers by path on one port, as the demo
has them, and its resources where a test wants them.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import organisation as org
from grantd.client.credentials import ClientSecret
from grantd_server.shim.app import Shim
from grantd_server.shim.limits import ShimLimits
from house import House, running
from serving_ import base_of, listening, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

DESK = ClientSecret("desk-agent", org.DESK_SECRET)
DESK_AT_TOOLS = ClientSecret("cli_desk", org.TOOLS_SECRET)
TICKETS_SERVER = ClientSecret("rs-tickets", org.RS_SECRET)


@dataclass
class Town:
    """A running service and where its issuers are."""

    house: House
    base: str
    document: dict[str, Any]
    resource: str

    @property
    def grants(self) -> str:
        """The grant issuer."""
        return f"{self.base}/grants"

    @property
    def server(self) -> str:
        """The authorization server."""
        return f"{self.base}/as"

    @property
    def target(self) -> str:
        """The gRPC address."""
        return self.house.target

    def id_token(self, **changed: Any) -> str:
        """The sign-in of an engineer."""
        return self.house.id_token(**changed)


@asynccontextmanager
async def town(folder: Path, *, resource: str = org.TICKETS, changes: Any = None) -> AsyncIterator[Town]:
    """Runs the service; `changes` may alter the bundle, given as a document, before it
    is applied."""
    listener = listening()
    base = base_of(listener)
    document = org.bundle()
    document["grant_issuers"]["grants"]["issuer"] = f"{base}/grants"
    document["authorization_servers"]["tools"]["issuer"] = f"{base}/as"
    document["resources"]["tickets"]["uri"] = resource
    if changes is not None:
        changes(document)
    async with running(folder, document) as house:
        shim = Shim(house.parts.channel(), ShimLimits())
        async with serving(shim, listener=listener):
            yield Town(house, base, document, resource)
