"""What administrators govern: the objects of one bundle version, compiled and frozen.

Written by `governance` from the YAML document, read by everything else. Names
(`corp`, `ledger`) are the keys of the YAML document; identifiers (issuers, URIs,
client ids) are compared byte for byte unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.model.bundle.directory import Directory
    from grantd_server.model.bundle.refresh_policy import RefreshPolicy
    from grantd_server.model.bundle.saml import SamlSignOn
    from grantd_server.model.bundle.scopes import ScopeSignIn
    from grantd_server.model.bundle.tenants import Bindings, TenantSource


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where another party's public keys come from. Exactly one is set."""

    jwks_uri: str | None = None
    """Fetched, within bounds, and cached."""
    discovery: bool = False
    """`jwks_uri` is read from the party's own metadata, whose issuer must match."""
    jwks: str | None = None
    """A fixed JWK Set as JSON text."""


class SubjectRule(Enum):
    """How a subject of one namespace becomes a subject of the next (A-40, B-15)."""

    PASSTHROUGH = "passthrough"  # declared: the same identifier is used on
    QUALIFIED = "qualified"  # the same, with the provider's name before it: `corp:u-18f2`
    CLAIM = "claim"  # another, immutable claim (`oid`) is the identifier
    PAIRWISE = "pairwise"  # of a provider: another identifier for each authorization server
    AUD_SUB = "aud_sub"  # of a trust, as are the next: the account's id here
    EMAIL = "email"  # a verified address of a domain that the issuer speaks for
    SAML_NAMEID = "saml_nameid"  # the `sub_id` of an associated SAML issuer (B-17)


@dataclass(frozen=True, slots=True)
class SubjectMapping:
    """The declared subject mapping of one identity provider, or of one trust."""

    rule: SubjectRule
    claim: str | None = None
    values: frozenset[str] = frozenset()
    """The domains of `email`, the associated issuers of `saml_nameid`."""


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """A provider whose sign-ins a grant issuer of ours accepts."""

    name: str
    issuer: str
    keys: KeySource
    algorithms: frozenset[str]
    subject: SubjectMapping
    groups_claim: tuple[str, ...] | None = None
    """Path to the claim that lists groups, from the outermost; None means that the
    sign-in never tells them."""
    roles_claim: tuple[str, ...] | None = None
    claims: tuple[str, ...] = ()
    """Further top-level claims that rules may read."""
    email_domains: tuple[str, ...] = ()
    """Domains for which a verified `email` of this provider is authoritative."""
    require_claims: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By claim: the values of which its tokens have one."""
    tenant: TenantSource | None = None
    """Which tenant of a grant issuer its people are in; None where there are none."""
    directory: Directory | None = None
    """Where groups, roles and the state of accounts are read instead of the sign-in."""
    saml: SamlSignOn | None = None
    """Its assertions, where they are accepted; without ID tokens `issuer` is its entity
    id, and there is no algorithm."""

    @property
    def knows_groups(self) -> bool:
        """Whether any of its sign-ins tells groups."""
        return self.groups_claim is not None or (self.saml is not None and self.saml.groups_attribute is not None)

    @property
    def knows_roles(self) -> bool:
        """Whether any of its sign-ins tells roles."""
        return self.roles_claim is not None or (self.saml is not None and self.saml.roles_attribute is not None)


@dataclass(frozen=True, slots=True)
class DpopPolicy:
    """What an issuer that takes DPoP proofs does with them."""

    required: bool = False
    """Whether every client must send one."""
    nonces: bool = True
    """Whether a proof must name a nonce of ours (RFC 9449 section 8)."""


@dataclass(frozen=True, slots=True)
class GrantIssuer:
    """A grant issuer of ours (the draft's IdP role)."""

    name: str
    issuer: str
    trust_domain: str
    identity_providers: tuple[str, ...]
    algorithm: str
    grant_lifetime: int
    """Seconds; 300 unless said otherwise."""
    rules: str
    """Which rule set (`grants`) decides; the issuer's own name."""
    tenants: frozenset[str] = frozenset()
    """Empty: the issuer has no tenants, and its grants name none (A-64)."""
    refresh_tokens: RefreshPolicy | None = None
    """None: this issuer neither issues nor takes refresh tokens."""
    dpop: DpopPolicy | None = None
    """None: a proof is refused."""


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """A grant issuer that one authorization server redeems for: ours or foreign."""

    name: str
    issuer: str
    trust_domain: str
    keys: KeySource | None
    """None for a grant issuer of ours: its keys are at hand."""
    algorithms: frozenset[str]
    resources: frozenset[str]
    """Names of the resources it may speak for (B-09)."""
    max_lifetime: int
    """Longest accepted `exp - iat`, seconds."""
    reuse_limit: int = 1
    """How often one grant may be redeemed before it expires; 1 is single use (X-2)."""
    subject: SubjectMapping = SubjectMapping(SubjectRule.PASSTHROUGH)
    require_claims: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By claim: the values of which its grants have one."""
    resource_claim: bool = True
    """Whether its grants have to name their resource; if not, one without is for the only
    resource that it may speak for (B-32, X-4)."""
    known_subjects: frozenset[str] | None = None
    """The only `sub` values that have an account here; None: everyone the issuer
    vouches for gets one (B-14)."""
    tenants: frozenset[str] | None = None
    """Those of its tenants that this server trusts; None: it has none (B-16)."""


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """An authorization server of ours: redeems grants, answers introspection."""

    name: str
    issuer: str
    trust_domain: str
    algorithm: str
    token_lifetime: int
    """Seconds; 900 unless said otherwise."""
    trusted: Mapping[str, TrustedIssuer]
    """By issuer identifier. Never empty."""
    default_scopes: Mapping[str, tuple[str, ...]]
    """By resource name: granted where the ID-JAG has no scope; usually empty (B-30)."""
    tenants: Bindings | None = None
    """Which of this server's tenants an issuer, or a tenant of it, belongs to (G-23).
    None: the server has no tenants."""
    account_claims: Mapping[str, str] = field(default_factory=dict)
    """By identity provider: the claim with the account's id here, sent as `aud_sub` (A-63)."""
    dpop: DpopPolicy | None = None
    """None: a proof is refused."""
    jwt_dpop: bool = False
    """Whether the grant type jwt-dpop is another name of jwt-bearer here (B-25)."""


@dataclass(frozen=True, slots=True)
class Abroad:
    """What a foreign authorization server accepts of our grants."""

    algorithms: frozenset[str] | None = None
    """None: not said."""
    grant_lifetime: int | None = None
    name_id_issuers: frozenset[str] = frozenset()
    """Seconds; None: as long as the grant issuer makes them."""


@dataclass(frozen=True, slots=True)
class ForeignAuthorizationServer:
    """An authorization server of somebody else that grants may be issued for."""

    name: str
    issuer: str
    trust_domain: str
    tenants: Bindings | None = None
    account_claims: Mapping[str, str] = field(default_factory=dict)
    grant_lifetime: int | None = None
    """Seconds: the longest life of a grant that it accepts, where it is shorter."""
    name_id_issuers: frozenset[str] = frozenset()
    """Entity ids: it resolves users by the NameIDs that these give (A-66)."""


@dataclass(frozen=True, slots=True)
class Resource:
    """An MCP server, as registered: one canonical identifier and its aliases."""

    name: str
    uri: str
    aliases: tuple[str, ...]
    authorization_server: str
    scopes: frozenset[str]
    default_scopes: tuple[str, ...]
    """Granted at leg 1 where the request names no scope (A-16), subject to policy."""
    sign_in: Mapping[str, ScopeSignIn] = field(default_factory=dict, hash=False)
    """By scope: the sign-in that it needs, whichever rule grants it (A-44)."""
