"""The bundle as declared: read and typed, references not yet followed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from grantd_server.model.bundle.tenants import join_place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.governance.reading.texts.nodes import Node
    from grantd_server.model.bundle.directory import Directory
    from grantd_server.model.bundle.governed import (
        Abroad,
        DpopPolicy,
        GrantIssuer,
        IdentityProvider,
        KeySource,
        Resource,
        SubjectMapping,
    )
    from grantd_server.model.certificates import CertificateCredential
    from grantd_server.model.registered import DocumentCredential, KeyCredential, PeerCredential
    from grantd_server.policy.clauses.who import Clause

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ForeignIssuer:
    """A grant issuer of somebody else."""

    name: str
    issuer: str
    trust_domain: str
    keys: KeySource
    algorithms: frozenset[str]
    tenants: frozenset[str] = frozenset()
    require_claims: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trust:
    """One line of an authorization server's trust: a grant issuer by name (B-13)."""

    name: str
    resources: tuple[str, ...]
    max_lifetime: int
    reuse_limit: int
    subject: SubjectMapping
    known_subjects: frozenset[str] | None
    node: Node
    resource_claim: bool = True
    """Whether its grants have to name their resource."""
    tenants: tuple[str, ...] = ()
    """Trusted tenants of the issuer, at a server that has none itself."""


@dataclass(frozen=True, slots=True)
class Server:
    """An authorization server, ours or foreign."""

    name: str
    issuer: str
    trust_domain: str
    foreign: bool
    algorithm: str
    token_lifetime: int
    trusts: tuple[Trust, ...]
    default_scopes: Mapping[str, tuple[str, ...]]
    tenants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By tenant: the `ISSUER` or `ISSUER/TENANT` that belong to it."""
    account_claims: Mapping[str, str] = field(default_factory=dict)
    abroad: Abroad | None = None
    """Of a foreign one."""
    dpop: DpopPolicy | None = None
    jwt_dpop: bool = False


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret is found at activation; the bundle never holds it."""

    kind: str
    """`file` or `env`."""
    name: str

    def __str__(self) -> str:
        return f"{{{self.kind}: {self.name}}}"


@dataclass(frozen=True, slots=True)
class Secret:
    """A client secret: its digest, or where to find it. Exactly one is set."""

    digest: bytes | None
    reference: SecretReference | None
    expires: int | None


@dataclass(frozen=True, slots=True)
class Proof:
    """One credential and where it is declared."""

    credential: Secret | KeyCredential | PeerCredential | DocumentCredential | CertificateCredential
    thumbprints: frozenset[str]
    """Of inline keys."""
    node: Node


@dataclass(frozen=True, slots=True)
class At:
    """A client at one issuer."""

    name: str
    """Of the grant issuer or authorization server."""
    client_id: str
    proofs: tuple[Proof, ...]
    grant_types: frozenset[str]
    sso: Mapping[str, frozenset[str]]
    identity_providers: tuple[str, ...] | None
    reuse_limit: int | None
    node: Node
    dpop_bound: bool = False
    tenant: str | None = None
    """Of the authorization server, where it has tenants."""
    tenants: tuple[str, ...] | None = None

    @property
    def place(self) -> str:
        """As the bundle spells it."""
        return join_place(self.name, self.tenant)


@dataclass(frozen=True, slots=True)
class Client:
    """A client and its registrations."""

    name: str
    at: tuple[At, ...]


@dataclass(frozen=True, slots=True)
class AskingServer:
    """A resource server that may introspect."""

    name: str
    at: str
    client_id: str
    proofs: tuple[Proof, ...]
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Subjects:
    """Whom a grant rule is about; all empty is everyone."""

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()
    claims: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By `provider:claim`."""


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule of either leg; patterns are not yet resolved."""

    id: str
    deny: bool
    clients: tuple[str, ...]
    resources: tuple[str, ...]
    scopes: tuple[str, ...]
    clauses: tuple[Clause[Any], ...]
    shadow: bool
    expires: int | None
    subjects: Subjects | None = None
    issuers: tuple[str, ...] = ()
    details: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = field(default_factory=dict)
    """By the name of a detail type: fields, each with the patterns of its values."""


@dataclass(frozen=True, slots=True)
class DetailText:
    """A type of authorization details."""

    name: str
    type: str
    resource: str
    scope: str
    schema: dict[str, Any]
    """Closed, and its references written out."""


@dataclass(frozen=True, slots=True)
class Declared(Generic[T]):
    """One object and where it stands; `value` is None when it could not be read, which
    was told already: its name still counts where others refer to it."""

    value: T | None
    node: Node
    label: str


@dataclass(frozen=True, slots=True)
class Rules:
    """One list of rules."""

    node: Node
    listed: tuple[Declared[RuleText], ...]

    def sound(self) -> Iterator[tuple[RuleText, Declared[RuleText]]]:
        """The rules that could be read."""
        for declared in self.listed:
            if declared.value is not None:
                yield declared.value, declared


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything declared, by name."""

    identity_providers: dict[str, Declared[IdentityProvider]] = field(default_factory=dict)
    directories: dict[str, Declared[Directory]] = field(default_factory=dict)
    """By identity provider."""
    grant_issuers: dict[str, Declared[GrantIssuer]] = field(default_factory=dict)
    trusted_issuers: dict[str, Declared[ForeignIssuer]] = field(default_factory=dict)
    authorization_servers: dict[str, Declared[Server]] = field(default_factory=dict)
    resources: dict[str, Declared[Resource]] = field(default_factory=dict)
    detail_types: dict[str, Declared[DetailText]] = field(default_factory=dict)
    resource_servers: dict[str, Declared[AskingServer]] = field(default_factory=dict)
    clients: dict[str, Declared[Client]] = field(default_factory=dict)
    grants: dict[str, Rules] = field(default_factory=dict)
    """By grant issuer."""
    redemptions: dict[str, Rules] = field(default_factory=dict)
    """By authorization server."""


def sound(section: dict[str, Declared[T]]) -> Iterator[tuple[T, Declared[T]]]:
    """The objects of a section that could be read."""
    for declared in section.values():
        if declared.value is not None:
            yield declared.value, declared
