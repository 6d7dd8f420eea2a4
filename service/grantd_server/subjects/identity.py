"""Who signed in: what every kind of subject token is read into."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.audit.record import Record
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.governed import GrantIssuer, IdentityProvider
    from grantd_server.model.bundle.rules import Attribute, SignIn
    from grantd_server.model.bundle.saml import SamlSignOn
    from grantd_server.model.registered import Registration
    from grantd_server.store import Mark
    from grantd_server.store.refresh_tokens import RefreshToken
    from grantd_server.world import World


@dataclass(frozen=True, slots=True)
class Reading:
    """What a kind may look at while it reads: the issuer that is asked and the
    client that presents the token."""

    world: World
    snapshot: Snapshot
    record: Record
    grant_issuer: GrantIssuer
    client: Registration
    now: float


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified sign-in, in the grant issuer's own namespace."""

    provider: IdentityProvider
    upstream_sub: str
    """As the provider names the user; blocks and rules may use it."""
    sub: str
    """By the declared mapping (A-40): the `sub` of grants."""
    users: Attribute
    """Qualified keys a rule may name: `corp:SUB`, and `corp:mailto:ADDRESS` where the
    provider is authoritative for a verified address."""
    groups: Attribute
    roles: Attribute
    claims: Mapping[str, Attribute]
    sign_in: SignIn
    tenant: str | None = None
    """As the provider's claim says; a provider with a fixed tenant needs none."""
    accounts: Mapping[str, str] = field(default_factory=dict)
    """By claim name: what servers may be told as `aud_sub`."""
    renewed: RefreshToken | None = None
    """The refresh token of ours that this was read from."""
    marks: tuple[Mark, ...] = ()
    """What a decision on this sign-in uses up, or binds to the client."""
    sub_id: Mapping[str, str] | None = None
    """The user by SAML NameID (RFC 9493 form `saml-nameid`), where that is known."""

    @property
    def saml(self) -> SamlSignOn | None:
        """What is declared of the provider's assertions, if this was read from one."""
        return None if self.sub_id is None else self.provider.saml
