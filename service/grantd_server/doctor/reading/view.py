"""Everything that was seen of a set-up: what the checks are functions of."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd_server.doctor.findings import Party
from grantd_server.doctor.reading.issuers import IssuerSeen, read_issuer
from grantd_server.doctor.reading.resources import ResourceSeen, read_resource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.doctor.probing.journey import Journey
    from grantd_server.doctor.reading.exchanges import Asker, Exchange
    from grantd_server.doctor.setup import Setup
    from grantd_server.governance.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class View:
    """The parties as they showed themselves; None is a party that was not asked."""

    setup: Setup
    provider: IssuerSeen | None = None
    """The same object as `issuer` where one software plays both roles."""
    issuer: IssuerSeen | None = None
    server: IssuerSeen | None = None
    resource: ResourceSeen | None = None
    client_document: Exchange | None = None
    declared: Snapshot | None = None
    """The governance bundle to compare with."""
    journey: Journey | None = None
    """What a probe went through."""

    @property
    def issuers(self) -> tuple[IssuerSeen, ...]:
        """The parties with metadata of an issuer, each once."""
        found = (self.provider, self.issuer, self.server)
        return tuple({id(each): each for each in found if each is not None}.values())

    def exchanges(self) -> Iterator[tuple[Party, Exchange]]:
        """All that was asked."""
        for issuer in self.issuers:
            for exchange in (*issuer.forms.values(), issuer.jwks, issuer.token):
                if exchange is not None:
                    yield issuer.party, exchange
        if self.resource is not None:
            for exchange in (*self.resource.forms.values(), self.resource.called, self.resource.called_with_token):
                if exchange is not None:
                    yield Party.RESOURCE, exchange


async def look(asker: Asker, setup: Setup) -> View:
    """Asks every party of the set-up, and changes nothing anywhere."""
    resource = await read_resource(asker, setup.resource) if setup.resource else None
    provider, issuer, server, document = await asyncio.gather(
        _issuer(
            asker, Party.PROVIDER, setup.identity_provider if setup.identity_provider != setup.grant_issuer else ""
        ),
        _issuer(asker, Party.ISSUER, setup.grant_issuer),
        _issuer(asker, Party.SERVER, setup.authorization_server or _named(resource)),
        _document(asker, setup.client.at_authorization_server),
    )
    if setup.identity_provider and setup.identity_provider == setup.grant_issuer:
        provider = issuer
    return View(setup, provider, issuer, server, resource, document)


async def _issuer(asker: Asker, party: Party, identifier: str) -> IssuerSeen | None:
    return await read_issuer(asker, party, identifier) if identifier else None


async def _document(asker: Asker, client_id: str) -> Exchange | None:
    """The metadata document of a client that is known by its address."""
    return await asker.get(client_id) if client_id.startswith("https://") else None


def _named(resource: ResourceSeen | None) -> str:
    """The first authorization server that the MCP server names, as a client follows it."""
    return (resource.texts("authorization_servers") or ("",))[0] if resource is not None else ""
