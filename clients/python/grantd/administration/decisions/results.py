"""What DecisionService answers: frozen values.

Each role sees the fields of its column in docs/explain.md: what it may not see is empty,
as what is not there. Moments are seconds since the epoch. Texts of others, such as names
that a token brought along, come cut and with their control characters escaped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision in short."""

    id: str
    time: float | None
    rpc: str
    """`RedeemGrant`."""
    outcome: str
    """`ok`, `refused`, `failed` and so on."""
    reason: str
    """A row of the failure table; empty where there is none."""
    told: str
    """The public reason: what the caller was told."""
    issuer: str
    client: str
    """Its name in the bundle."""
    subject: str
    """The pseudonym of the user."""
    audience: str
    resources: tuple[str, ...]
    scopes_asked: tuple[str, ...]
    scopes_granted: tuple[str, ...]
    bundle_version: str
    bundle_epoch: int
    chain: str
    """Empty where there is none."""
    trace_id: str
    caller: str
    """A TLS identity."""
    address: str
    """That the shim saw."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked."""

    step: str
    name: str
    ok: bool
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A rule that did not apply, and why."""

    rule: str
    clause: str
    """The one that failed."""
    expected: str
    got: str
    failed: int
    """How many of its clauses did."""


@dataclass(frozen=True, slots=True)
class IntrospectedToken:
    """One token of an introspection."""

    token: str
    """SHA-256 of its id; empty where it is none of ours."""
    outcome: str
    """`active` or `inactive`."""


@dataclass(frozen=True, slots=True)
class ChainNode:
    """One node of a chain. As the place of a decision, with name, kind, outcome and time only."""

    name: str
    """The decision id, where it is a decision."""
    parent: str
    """The node it hangs below; empty for the first."""
    kind: str
    """`sign-in`, `session`, `renewal`, `grant`, `token`, `introspection`, `revocation`, `refusal`."""
    outcome: str
    time: float | None
    last: float | None
    """When it was seen last, where it is a sum."""
    count: int
    """How often, where it is a sum; 1 otherwise."""
    expires: int | None
    decision: Decision
    asker: str
    """Of an introspection: the resource server."""
    provider: str
    """Of a sign-in: the identity provider, or the issuer of a grant that is not ours."""
    acr: str
    """Of a sign-in: its class."""
    amr: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a call ended as it did."""

    decision: Decision
    checks: tuple[Check, ...]
    """In order; the last may have failed."""
    rules: Mapping[str, str]
    """Rule by scope that was granted."""
    refused_scopes: Mapping[str, str]
    """Reason by scope that was refused."""
    shadow: Mapping[str, str]
    """What rules that are only recorded would have said, by rule."""
    near_misses: tuple[NearMiss, ...]
    facts: Mapping[str, str]
    remedy: str
    """What to do next; empty where there is nothing to do."""
    whose: str
    """Whose job that is."""
    chain: tuple[ChainNode, ...]
    """The decisions of the same chain, the oldest first, this one among them."""
    sentence: str
    """That the caller was told."""
    advice: tuple[str, ...]
    """What a client's developer can try."""
    client_id: str
    """At the issuer."""
    client_method: str
    client_credential: str
    """Which of its secrets it used, by fingerprint."""
    transport: str
    role: str
    """Of the caller."""
    subject_key: str
    """Which pseudonym key made the subject."""
    tenant: str
    family: str
    """Of refresh tokens."""
    jti_hash: str
    """SHA-256 of the grant's id."""
    token_hash: str
    """SHA-256 of the issued token's id."""
    expires: int | None
    """Of what was issued."""
    error_id: str
    """Finds a fault in the log."""
    used_by: str
    """The decision that used a one-time token first."""
    introspected: tuple[IntrospectedToken, ...]
    inputs: tuple[Mapping[str, Any], ...]
    """What policy decided by, one a resource."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain from sign-in to revocation."""

    chain: str
    nodes: tuple[ChainNode, ...]
    """Each after its parent."""
    revoked: int | None
    cut: bool
    """Whether there is more than was read."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A decision as it was committed."""

    decision: Decision
    lost: int
    """How many before it were not sent, as they came faster than they were taken."""


@dataclass(frozen=True, slots=True)
class AccessUse:
    """One client at one resource: what was used, and what was granted and never used."""

    client: str
    resource: str
    users: int
    """At least: one who was seen under two pseudonym keys counts once."""
    users_at_most: int
    """The same, where no pseudonym key was replaced meanwhile."""
    grants: int
    tokens: int
    last_used: int | None
    """None where it was granted and never used."""
    scopes: tuple[str, ...]
    """That were used."""
    unused_scopes: tuple[str, ...]
    """That the bundle in force offers to the client there, and nobody used."""
