"""A request that nobody made: who asks with which client for what, and how they signed in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from grantd_server.model.bundle.directory import Missing
from grantd_server.model.bundle.rules import UNKNOWN, Attribute, SignIn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.governed import IdentityProvider


NOT_KNOWN = SignIn()


class Legs(Enum):
    """Which legs a question is about."""

    BOTH = "both"
    GRANT = "grant"
    REDEMPTION = "redemption"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signed in at an identity provider. None is not said, and so unknown,
    as it is of a sign-in that leaves a list out."""

    provider: str
    sub: str | None = None
    groups: frozenset[str] | None = None
    """As the provider names them, without its own name before."""
    roles: frozenset[str] | None = None
    claims: Mapping[str, frozenset[str]] | None = None
    email: str | None = None
    """A verified address."""
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One request, for one resource."""

    client: str
    resource: str
    scopes: tuple[str, ...]
    now: int
    person: Person | None = None
    """None: the grant of an issuer that is not ours, which only leg 2 sees."""
    issuer: str | None = None
    """By name; None: the only one whose sign-ins and clients fit."""
    audience: str | None = None
    """The authorization server by name, if the request says which."""
    sign_in: SignIn = NOT_KNOWN
    address: str | None = None
    tenant: str | None = None
    """Of a foreign issuer, as its grant says."""
    legs: Legs = Legs.BOTH


@dataclass(frozen=True, slots=True)
class Attributes:
    """A person as rules see them."""

    users: Attribute
    groups: Attribute
    roles: Attribute
    claims: Mapping[str, Attribute]
    active: bool = True
    """False: the directory of the bundle refuses them."""


def attributes_of(snapshot: Snapshot, person: Person) -> Attributes:
    """What rules would read of a person: their directory wins over what is said of them,
    as it does over a sign-in."""
    provider = snapshot.identity_providers[person.provider]
    groups, roles, active = person.groups, person.roles, True
    if provider.directory is not None:
        account = provider.directory.users.get(person.sub or "")
        groups, roles = (None, None) if account is None else (account.groups, account.roles)
        active = provider.directory.missing is Missing.UNKNOWN if account is None else account.active
    return Attributes(
        users=UNKNOWN if person.sub is None else Attribute.of(_user_keys(provider, person)),
        groups=_qualified(provider.name, groups),
        roles=_qualified(provider.name, roles),
        claims={name: Attribute.of(values) for name, values in (person.claims or {}).items()},
        active=active,
    )


def _user_keys(provider: IdentityProvider, person: Person) -> frozenset[str]:
    keys = {f"{provider.name}:{person.sub}"}
    local, _, domain = (person.email or "").rpartition("@")
    if local and domain.lower() in provider.email_domains:
        keys.add(f"{provider.name}:mailto:{local}@{domain.lower()}")
    return frozenset(keys)


def _qualified(provider: str, names: frozenset[str] | None) -> Attribute:
    return UNKNOWN if names is None else Attribute.of(frozenset(f"{provider}:{name}" for name in names))
