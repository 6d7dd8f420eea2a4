"""A representative person: somebody who has exactly the attributes that a rule names.

Rules only ever ask whether somebody has an attribute, never whether they lack one. So
two rule sets that agree on these people, alone and joined, agree on everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from grantd_server.model.bundle.governed import SubjectRule
from grantd_server.model.bundle.rules import UNKNOWN, Attribute, GrantInputs, SignIn
from grantd_server.policy.clauses.who import Claim, Groups, Issuers, Roles, Users

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from grantd_server.model.bundle.governed import IdentityProvider
    from grantd_server.policy.clauses.who import Clause
    from grantd_server.policy.rules import Rule

ABOUT_SUBJECTS = (Groups, Roles, Users, Claim, Issuers)

NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Somebody:
    """Somebody of one identity provider; with nothing else, anybody of it."""

    provider: str
    groups: frozenset[str] = NOBODY
    """Qualified, as rules name them."""
    roles: frozenset[str] = NOBODY
    users: frozenset[str] = NOBODY
    claims: frozenset[tuple[str, str]] = frozenset()
    """Claim and value."""
    unknown: frozenset[str] = NOBODY
    """`groups`, `roles`: what is not known of them, beside what is said here."""

    def joined(self, other: Somebody) -> Somebody:
        """Somebody who is both."""
        return Somebody(
            self.provider,
            self.groups | other.groups,
            self.roles | other.roles,
            self.users | other.users,
            self.claims | other.claims,
            self.unknown | other.unknown,
        )

    def within(self, other: Somebody) -> bool:
        """Whether the other has everything that this one has."""
        return (
            self.groups <= other.groups
            and self.roles <= other.roles
            and self.users <= other.users
            and self.claims <= other.claims
        )

    def __str__(self) -> str:
        parts = [f"group {name}" for name in sorted(self.groups)]
        parts += [f"role {name}" for name in sorted(self.roles)]
        parts += [f"user {name}" for name in sorted(self.users)]
        parts += [f"claim {self.provider}:{claim} = {value}" for claim, value in sorted(self.claims)]
        return " and ".join(parts) or f"everyone of {self.provider}"


def people_of(rule: Rule[Any], provider: str) -> Iterator[Somebody]:
    """The smallest people of a provider that a rule of leg 1 is about."""
    choices: list[list[Somebody]] = []
    mark = f"{provider}:"
    for clause in rule.clauses:
        if isinstance(clause, Groups):
            choices.append(
                [Somebody(provider, groups=frozenset({v})) for v in sorted(clause.values) if v.startswith(mark)]
            )
        elif isinstance(clause, Roles):
            choices.append(
                [Somebody(provider, roles=frozenset({v})) for v in sorted(clause.values) if v.startswith(mark)]
            )
        elif isinstance(clause, Users):
            choices.append(
                [Somebody(provider, users=frozenset({v})) for v in sorted(clause.values) if v.startswith(mark)]
            )
        elif isinstance(clause, Claim):
            values = sorted(clause.values) if clause.provider == provider else []
            choices.append([Somebody(provider, claims=frozenset({(clause.claim, value)})) for value in values])
    for parts in product(*choices):
        whole = Somebody(provider)
        for part in parts:
            whole = whole.joined(part)
        yield whole


def can_be(somebody: Somebody, provider: IdentityProvider) -> bool:
    """Whether one person can have all of that: two names of one person are one too many,
    unless the provider gives people two (an address, or a claim beside the subject)."""
    names = [name for name in somebody.users if ":mailto:" not in name]
    return len(names) <= (2 if provider.subject.rule is SubjectRule.CLAIM else 1)


def smallest(people: Iterable[Somebody]) -> list[Somebody]:
    """Those that no other of them is within, each once; the plainest first."""
    kept: list[Somebody] = []
    for one in plainest_first(set(people)):
        if not any(other.within(one) for other in kept):
            kept.append(one)
    return kept


def plainest_first(people: Iterable[Somebody]) -> list[Somebody]:
    """Those with the fewest attributes first."""
    return sorted(people, key=lambda one: (_size(one), str(one), sorted(one.unknown)))


def _size(one: Somebody) -> int:
    return len(one.groups) + len(one.roles) + len(one.users) + len(one.claims)


def inputs_of(somebody: Somebody, claims: Iterable[str]) -> GrantInputs:
    """What the subject clauses of rules read of them. What they are not said to have is
    known to be none; of `claims`, all that the provider declares."""
    groups = UNKNOWN if "groups" in somebody.unknown else Attribute.of(somebody.groups)
    roles = UNKNOWN if "roles" in somebody.unknown else Attribute.of(somebody.roles)
    values = {claim: frozenset(v for name, v in somebody.claims if name == claim) for claim in claims}
    return GrantInputs(
        identity_provider=somebody.provider,
        users=Attribute.of(somebody.users),
        groups=groups,
        roles=roles,
        claims={claim: Attribute.of(found) for claim, found in values.items()},
        client="",
        resource="",
        scopes=(),
        sign_in=SignIn(),
        address=None,
        now=0,
    )


def circumstances_of(rule: Rule[Any]) -> tuple[Clause[Any], ...]:
    """The clauses that are about something else than who asks."""
    return tuple(clause for clause in rule.clauses if not isinstance(clause, ABOUT_SUBJECTS))
