"""The clauses that a new sign-in of the same user could satisfy: how, with what, when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd_server.policy.wording import UNKNOWN_TEXT, one_of, several

if TYPE_CHECKING:
    from grantd_server.policy.clauses.who import Attempt


@dataclass(frozen=True, slots=True)
class Acr:
    """Authentication context classes; any listed one satisfies."""

    values: tuple[str, ...]
    """In the order of the rule, which is the order of preference in `acr_values`."""
    name: str = "require.acr"
    about_sign_in: bool = True

    def holds(self, inputs: Attempt) -> bool | None:
        acr = inputs.sign_in.acr
        return None if acr is None else acr in self.values

    def expected(self) -> str:
        return one_of(self.values)

    def got(self, inputs: Attempt) -> str:
        return inputs.sign_in.acr or UNKNOWN_TEXT


@dataclass(frozen=True, slots=True)
class Amr:
    """Authentication methods (RFC 8176); any listed one satisfies."""

    values: frozenset[str]
    name: str = "require.amr"
    about_sign_in: bool = True

    def holds(self, inputs: Attempt) -> bool | None:
        amr = inputs.sign_in.amr
        return None if amr is None else not self.values.isdisjoint(amr)

    def expected(self) -> str:
        return one_of(self.values)

    def got(self, inputs: Attempt) -> str:
        amr = inputs.sign_in.amr
        return UNKNOWN_TEXT if amr is None else several(amr)


@dataclass(frozen=True, slots=True)
class AuthAge:
    """The longest time since the user actively signed in, seconds."""

    seconds: int
    name: str = "require.max_auth_age"
    about_sign_in: bool = True

    def holds(self, inputs: Attempt) -> bool | None:
        auth_time = inputs.sign_in.auth_time
        return None if auth_time is None else inputs.now - auth_time <= self.seconds

    def expected(self) -> str:
        return f"a sign-in at most {self.seconds} s ago"

    def got(self, inputs: Attempt) -> str:
        auth_time = inputs.sign_in.auth_time
        return UNKNOWN_TEXT if auth_time is None else f"{inputs.now - auth_time} s ago"


@dataclass(frozen=True, slots=True)
class SignedInSince:
    """A sign-in that is not older than what a scope means today (A-44)."""

    moment: int
    """Seconds since the epoch; before it nothing has changed yet."""
    name: str = "sign_in.since"
    about_sign_in: bool = True

    def holds(self, inputs: Attempt) -> bool | None:
        auth_time = inputs.sign_in.auth_time
        if inputs.now < self.moment:
            return True
        return None if auth_time is None else auth_time >= self.moment

    def expected(self) -> str:
        return f"a sign-in at {self.moment} or later"

    def got(self, inputs: Attempt) -> str:
        auth_time = inputs.sign_in.auth_time
        return UNKNOWN_TEXT if auth_time is None else f"at {auth_time}"
