"""What an operation needs of a token: scopes, and how the user signed in (RFC 9470)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd.claims import SKEW

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grantd.verifiers.tokens import VerifiedToken


@dataclass(frozen=True, slots=True)
class Requirement:
    """All of it must hold; nothing is needed beyond a good token where nothing is said."""

    scopes: tuple[str, ...] = ()
    acr_values: tuple[str, ...] = ()
    """Authentication context classes, any one of which will do; preferred ones first."""
    max_age: int | None = None
    """Seconds since the user was last seen to sign in."""
    fresh: bool = False
    """The authorization server is asked, so that a revocation counts at once."""

    def is_signed_in_well(self, token: VerifiedToken, now: float) -> bool:
        """Whether the sign-in behind a token is strong and recent enough. A token that
        does not say is not enough."""
        if self.acr_values and token.acr not in self.acr_values:
            return False
        if self.max_age is None:
            return True
        return token.auth_time is not None and -SKEW <= now - token.auth_time <= self.max_age


def all_of(requirements: Iterable[Requirement]) -> Requirement:
    """The requirement that holds where each of these does.

    Raises:
        ValueError: no authentication context class satisfies all of them.
    """
    scopes: dict[str, None] = {}
    acr_values: tuple[str, ...] = ()
    ages: list[int] = []
    fresh = False
    for requirement in requirements:
        scopes |= dict.fromkeys(requirement.scopes)
        if acr_values and requirement.acr_values:
            acr_values = tuple(acr for acr in acr_values if acr in requirement.acr_values)
            if not acr_values:
                raise ValueError("no acr value satisfies all requirements")
        else:
            acr_values = acr_values or requirement.acr_values
        if requirement.max_age is not None:
            ages.append(requirement.max_age)
        fresh = fresh or requirement.fresh
    return Requirement(tuple(scopes), acr_values, min(ages, default=None), fresh)
