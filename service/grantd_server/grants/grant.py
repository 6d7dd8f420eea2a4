"""What every kind of assertion is read into, and what a kind may look at meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grantd_server.audit.record import Record
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.governed import AuthorizationServer, TrustedIssuer
    from grantd_server.model.bundle.rules import SignIn
    from grantd_server.model.registered import Registration
    from grantd_server.world import World


@dataclass(frozen=True, slots=True)
class Reading:
    """The authorization server that is asked and the client that presents."""

    world: World
    snapshot: Snapshot
    record: Record
    server: AuthorizationServer
    client: Registration
    now: float


@dataclass(frozen=True, slots=True)
class Grant:
    """A verified grant, not yet used."""

    issuer: TrustedIssuer
    sub: str
    account: str
    """What identifies the user here, by the subject rule of the issuer (B-15)."""
    jti: str
    expires: int
    """Seconds since the epoch."""
    resources: tuple[str, ...]
    """As the grant spells them; empty when it names none."""
    scopes: tuple[str, ...] | None
    """None when the grant names none."""
    sign_in: SignIn
    tenant: str | None = None
    """Of the issuer, as the grant says; not yet checked."""
    aud_tenant: str | None = None
    """Of this server, likewise."""
    jkt: str | None = None
    """Thumbprint of the key that its bearer must prove to hold; None: it is not bound."""
    raw_details: object = None
    """The claim `authorization_details`, not yet read; None where there is none."""
