"""What a token is held against: who it should be for, when, by which bundle and keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from grantd.jwk import KeySet
    from grantd_server.governance.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Target:
    """Empty is not asked for."""

    now: float
    audience: str = ""
    client: str = ""
    resource: str = ""
    issuer: str = ""
    snapshot: Snapshot | None = None
    keys: KeySet | None = None
    certificates: tuple[Certificate, ...] = ()
    """Of identity providers, for assertions."""

    @property
    def asks(self) -> bool:
        """Whether there is anything to hold a token against but the time."""
        return bool(
            self.audience
            or self.client
            or self.resource
            or self.issuer
            or self.snapshot
            or self.keys
            or self.certificates
        )

    def client_ids(self, kind: str, issuer: str, audience: str) -> tuple[str, ...]:
        """The ids of the client that count for a kind of token: as given, or what the
        bundle calls it there."""
        if self.snapshot is None:
            return (self.client,)
        ids: set[str] = set()
        for registration in self.snapshot.lookups.registrations.values():
            if registration.client != self.client:
                continue
            if kind == "ID token":
                providers = {name for name, each in self.snapshot.identity_providers.items() if each.issuer == issuer}
                ids |= {one for name in providers for one in registration.sso_client_ids.get(name, ())}
            elif registration.issuer in {issuer, audience}:
                ids.add(registration.client_id)
        return tuple(sorted(ids)) or (self.client,)

    def resource_ids(self) -> tuple[str, ...]:
        """How the resource is spelled: as given, or as the bundle has it by that name."""
        known = None if self.snapshot is None else self.snapshot.resources.get(self.resource)
        return (self.resource,) if known is None else (known.uri,)

    def issuers(self, kind: str, audience: str) -> tuple[str, ...]:
        """The issuers that count: as given, or those that the bundle trusts for the kind."""
        if self.issuer or self.snapshot is None:
            return (self.issuer,) if self.issuer else ()
        snapshot = self.snapshot
        if kind == "ID token":
            return tuple(sorted(each.issuer for each in snapshot.identity_providers.values()))
        if kind == "access token":
            return tuple(sorted(snapshot.authorization_servers))
        if kind == "ID-JAG":
            server = snapshot.authorization_servers.get(audience)
            return tuple(sorted(server.trusted if server else snapshot.grant_issuers))
        return ()
