"""The two rule sets, what they read and what they answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(Enum):
    """Whether an attribute could be read. Unknown never satisfies an allow and
    always satisfies a deny that reads it."""

    KNOWN = "known"
    EMPTY = "empty"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute that policy can read: its state and its values."""

    state: State
    values: frozenset[str] = frozenset()

    @classmethod
    def of(cls, values: frozenset[str]) -> Attribute:
        return cls(State.KNOWN if values else State.EMPTY, values)


UNKNOWN = Attribute(State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class SignIn:
    """The authentication event, as far as the subject token tells it (A-61)."""

    acr: str | None = None
    amr: tuple[str, ...] | None = None
    auth_time: int | None = None


@dataclass(frozen=True, slots=True)
class GrantInputs:
    """Everything a leg 1 rule can read, for one resource."""

    identity_provider: str
    users: Attribute
    """The user's qualified keys, `corp:u-18f2`."""
    groups: Attribute
    """Qualified, `corp:eng`."""
    roles: Attribute
    claims: Mapping[str, Attribute]
    """By claim name; a claim the provider does not declare is unknown."""
    client: str
    resource: str
    scopes: tuple[str, ...]
    sign_in: SignIn
    address: str | None
    """The observed client address; None is unknown."""
    now: int
    tenant: str | None = None
    """The tenant of the grant issuer that the user is in; None where it has none."""


@dataclass(frozen=True, slots=True)
class RedemptionInputs:
    """Everything a leg 2 rule can read, for one resource."""

    issuer: str
    """The trusted issuer's name."""
    client: str
    resource: str
    scopes: tuple[str, ...]
    sign_in: SignIn
    tenant: str | None
    now: int


class ScopeRefusal(Enum):
    """Why one scope was not granted."""

    NO_RULE = "no_rule"
    DENY_RULE = "deny_rule"
    STEP_UP = "step_up"
    UNKNOWN_SCOPE = "unknown_scope"


@dataclass(frozen=True, slots=True)
class StepUp:
    """The sign-in that would have been enough (RFC 9470)."""

    acr_values: tuple[str, ...] = ()
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A rule that came close: the clause it failed at, wanted against found."""

    rule: str
    clause: str
    expected: str
    got: str
    failed: int = 1
    """How many of its clauses did not hold: the one that is told, and those beside it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of one rule set for one resource."""

    granted: Mapping[str, str]
    """Scope to the id of the rule that granted it."""
    refused: Mapping[str, tuple[ScopeRefusal, str | None]]
    """Scope to why, and the deny rule if one matched."""
    near_misses: tuple[NearMiss, ...] = ()
    shadow: Mapping[str, str] = field(default_factory=dict)
    """Shadow rule id to what it would have done (`allow` or `deny`)."""
    step_up: StepUp | None = None
    """Set when nothing but the sign-in stands between the user and the scopes (A-46)."""
