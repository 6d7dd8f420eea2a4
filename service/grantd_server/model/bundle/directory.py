"""What administrators say of the people of an identity provider, in its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class Missing(Enum):
    """What a person is who signs in and is not listed."""

    DISABLED = "disabled"  # left the company: refused
    UNKNOWN = "unknown"  # not looked after here: no group and no role of theirs is known


@dataclass(frozen=True, slots=True)
class Account:
    """One person. None is not said, and so unknown."""

    groups: frozenset[str] | None
    roles: frozenset[str] | None
    active: bool


@dataclass(frozen=True, slots=True)
class Directory:
    """The people of one identity provider, by the subject it knows them by."""

    missing: Missing
    users: Mapping[str, Account]
