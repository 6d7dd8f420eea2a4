"""Who may authenticate where: clients, resource servers, and what proves each of them.

Identifiers are compared byte for byte; the secrets themselves are never held.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grantd_server.model.certificates import CertificateCredential

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.model.bundle.governed import KeySource


@dataclass(frozen=True, slots=True)
class SecretCredential:
    """A generated client secret, kept as SHA-256 only."""

    digest: bytes
    expires: int | None
    """Seconds since the epoch; None: until withdrawn."""
    fingerprint: str = field(init=False, compare=False)
    """Names it in records: the first digits of its digest, as they stand in the bundle."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "fingerprint", self.digest.hex()[:8])


@dataclass(frozen=True, slots=True)
class KeyCredential:
    """Keys of `private_key_jwt`."""

    keys: KeySource
    algorithms: frozenset[str]


@dataclass(frozen=True, slots=True)
class PeerCredential:
    """A TLS identity of a gRPC caller: `spiffe://…` or a DNS name."""

    identity: str


@dataclass(frozen=True, slots=True)
class DocumentCredential:
    """The keys that a client names in the metadata document at its client id (D-22)."""

    algorithms: frozenset[str]


Credential = SecretCredential | KeyCredential | PeerCredential | DocumentCredential | CertificateCredential


@dataclass(frozen=True, slots=True)
class Registration:
    """One client at one issuer: credentials are never shared between issuers (D-26)."""

    client: str
    """The client's name in the bundle."""
    issuer: str
    """The issuer identifier this registration is at."""
    client_id: str
    credentials: tuple[Credential, ...]
    grant_types: frozenset[str]
    sso_client_ids: Mapping[str, frozenset[str]]
    """At a grant issuer: by identity provider name, the client's ids there, one of
    which must be the audience of its ID tokens (A-26)."""
    identity_providers: frozenset[str] | None = None
    """Providers this client may use; None: all of the issuer's."""
    reuse_limit: int | None = None
    """Overrides `TrustedIssuer.reuse_limit` for this client (X-2)."""
    tenant: str | None = None
    """At a server with tenants: the one in which this client id is valid (A-54)."""
    tenants: frozenset[str] | None = None
    """The issuer's tenants whose people this client may act for, at a grant issuer; at a
    server `ISSUER/TENANT`. None: every one that the place knows."""
    dpop_bound: bool = False
    """`dpop_bound_access_tokens` (RFC 9449 section 5.2): refused without a proof."""

    @property
    def known_by_document(self) -> bool:
        """Whether the client id is the address of the client's metadata."""
        return any(isinstance(credential, DocumentCredential) for credential in self.credentials)


@dataclass(frozen=True, slots=True)
class ResourceServer:
    """An MCP server in its part of asking for introspection."""

    name: str
    issuer: str
    """The authorization server, by issuer identifier."""
    client_id: str
    credentials: tuple[Credential, ...]
    resources: frozenset[str]
    """Names of the resources it may ask about."""
