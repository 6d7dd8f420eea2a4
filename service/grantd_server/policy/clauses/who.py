"""The clauses that read who asks: subjects on leg 1, the issuer on leg 2, the tenant on both.

A clause answers True, False or None. None is unknown: it never satisfies an allow
and always satisfies a deny (`Rule.matches`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from grantd_server.model.bundle.rules import Attribute, State
from grantd_server.policy.wording import UNKNOWN_TEXT, one_of, several

if TYPE_CHECKING:
    from grantd_server.model.bundle.rules import GrantInputs, RedemptionInputs, SignIn


class Attempt(Protocol):
    """What the inputs of both legs have."""

    @property
    def client(self) -> str: ...
    @property
    def resource(self) -> str: ...
    @property
    def scopes(self) -> tuple[str, ...]: ...
    @property
    def sign_in(self) -> SignIn: ...
    @property
    def now(self) -> int: ...


AttemptT = TypeVar("AttemptT", bound=Attempt)
ReadsT_contra = TypeVar("ReadsT_contra", bound=Attempt, contravariant=True)


class Clause(Protocol[ReadsT_contra]):
    """One condition of a rule, over one attribute."""

    @property
    def name(self) -> str:
        """As the rule spells it, `subjects.groups`."""

    @property
    def about_sign_in(self) -> bool:
        """Whether another sign-in of the same user could make it hold (A-46)."""

    def holds(self, inputs: ReadsT_contra) -> bool | None:
        """None where what it reads is unknown."""

    def expected(self) -> str:
        """For people."""

    def got(self, inputs: ReadsT_contra) -> str:
        """For people; never a user's identifier or a claim's value."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Group names, qualified and compared byte for byte: no case folding, no Unicode
    normalisation, so that no look-alike is a member."""

    values: frozenset[str]
    name: str = "subjects.groups"
    about_sign_in: bool = False

    def holds(self, inputs: GrantInputs) -> bool | None:
        return overlaps(self.values, inputs.groups)

    def expected(self) -> str:
        return one_of(self.values)

    def got(self, inputs: GrantInputs) -> str:
        return _names(inputs.groups)


@dataclass(frozen=True, slots=True)
class Roles:
    """Role names, like groups."""

    values: frozenset[str]
    name: str = "subjects.roles"
    about_sign_in: bool = False

    def holds(self, inputs: GrantInputs) -> bool | None:
        return overlaps(self.values, inputs.roles)

    def expected(self) -> str:
        return one_of(self.values)

    def got(self, inputs: GrantInputs) -> str:
        return _names(inputs.roles)


@dataclass(frozen=True, slots=True)
class Users:
    """User keys. Explanations count them, because a record keeps no subject."""

    values: frozenset[str]
    name: str = "subjects.users"
    about_sign_in: bool = False

    def holds(self, inputs: GrantInputs) -> bool | None:
        return overlaps(self.values, inputs.users)

    def expected(self) -> str:
        return f"one of {len(self.values)} named users"

    def got(self, inputs: GrantInputs) -> str:
        return UNKNOWN_TEXT if inputs.users.state is State.UNKNOWN else "another user"


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of one identity provider; a user of another provider does not have it."""

    provider: str
    claim: str
    values: frozenset[str]
    about_sign_in: bool = False

    @property
    def name(self) -> str:
        return f"subjects.{self.kind}"

    @property
    def kind(self) -> str:
        """What index keys of its values begin with."""
        return f"claims.{self.provider}:{self.claim}"

    def holds(self, inputs: GrantInputs) -> bool | None:
        if inputs.identity_provider != self.provider:
            return False
        found = inputs.claims.get(self.claim)
        return None if found is None else overlaps(self.values, found)

    def expected(self) -> str:
        return one_of(self.values)

    def got(self, inputs: GrantInputs) -> str:
        if inputs.identity_provider != self.provider:
            return f"a user of {inputs.identity_provider}"
        found = inputs.claims.get(self.claim)
        if found is None or found.state is State.UNKNOWN:
            return UNKNOWN_TEXT
        return "another value" if found.values else "none"


@dataclass(frozen=True, slots=True)
class Issuers:
    """The trusted issuer that vouches, by name (B-09)."""

    values: frozenset[str]
    name: str = "issuers"
    about_sign_in: bool = False

    def holds(self, inputs: RedemptionInputs) -> bool | None:
        return inputs.issuer in self.values

    def expected(self) -> str:
        return one_of(self.values)

    def got(self, inputs: RedemptionInputs) -> str:
        return inputs.issuer


@dataclass(frozen=True, slots=True)
class Tenants:
    """The issuer's tenant that the user is in, as the grant names it (G-23)."""

    values: frozenset[str]
    name: str = "require.tenants"
    about_sign_in: bool = False

    def holds(self, inputs: GrantInputs | RedemptionInputs) -> bool | None:
        return None if inputs.tenant is None else inputs.tenant in self.values

    def expected(self) -> str:
        return one_of(self.values)

    def got(self, inputs: GrantInputs | RedemptionInputs) -> str:
        return UNKNOWN_TEXT if inputs.tenant is None else inputs.tenant


def overlaps(wanted: frozenset[str], found: Attribute) -> bool | None:
    """Whether any wanted value was found; None where the attribute is unknown."""
    if found.state is State.UNKNOWN:
        return None
    return not wanted.isdisjoint(found.values)


def _names(found: Attribute) -> str:
    if found.state is State.UNKNOWN:
        return UNKNOWN_TEXT
    return several(found.values)
