"""Where a party is looked up: clients and resource servers authenticate alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from grantd_server.model.registered import Registration, ResourceServer

if TYPE_CHECKING:
    from grantd_server.governance.snapshot import Snapshot

Party = Registration | ResourceServer


class Directory(Protocol):
    """The parties of one kind at one issuer."""

    @property
    def kind(self) -> str:
        """The kind as a block names it."""

    def by_id(self, client_id: str) -> Party | None:
        """Finds a party by its client id, byte for byte."""

    def by_peer(self, identity: str) -> Party | None:
        """Finds the party that a TLS identity is bound to."""

    def name_of(self, party: Party) -> str:
        """The party's name in the bundle."""


@dataclass(frozen=True, slots=True)
class ClientDirectory:
    """The OAuth clients of one issuer."""

    snapshot: Snapshot
    issuer: str
    kind: str = "client"

    def by_id(self, client_id: str) -> Party | None:
        return self.snapshot.registration(self.issuer, client_id)

    def by_peer(self, identity: str) -> Party | None:
        return self.snapshot.registration_by_peer(self.issuer, identity)

    def name_of(self, party: Party) -> str:
        return party.client if isinstance(party, Registration) else party.name


@dataclass(frozen=True, slots=True)
class ResourceServerDirectory:
    """The resource servers of one authorization server."""

    snapshot: Snapshot
    issuer: str
    kind: str = "resource_server"

    def by_id(self, client_id: str) -> Party | None:
        return self.snapshot.resource_server(self.issuer, client_id)

    def by_peer(self, identity: str) -> Party | None:
        return self.snapshot.resource_server_by_peer(self.issuer, identity)

    def name_of(self, party: Party) -> str:
        return party.name if isinstance(party, ResourceServer) else party.client
