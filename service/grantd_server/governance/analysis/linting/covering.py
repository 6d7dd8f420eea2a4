"""Whether one rule holds wherever another does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantd_server.policy.clauses.circumstances import Networks, Window
from grantd_server.policy.clauses.sign_in import Acr, Amr, AuthAge
from grantd_server.policy.clauses.who import Claim, Groups, Issuers, Roles, Tenants, Users

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.policy.clauses.who import Clause
    from grantd_server.policy.rules import Rule

_ANY_OF = (Groups, Roles, Users, Claim, Issuers, Tenants, Acr, Amr)


def covers(outer: Rule[Any], inner: Rule[Any]) -> bool:
    """Whether the outer rule matches whatever the inner one matches. Clauses imply others
    over the same attribute only, so that what is unknown to a deny is to both."""
    lasts = outer.expires is None or (inner.expires is not None and inner.expires <= outer.expires)
    return (
        lasts
        and inner.clients <= outer.clients
        and inner.resources <= outer.resources
        and inner.scopes <= outer.scopes
        and all(any(implies(mine, clause) for mine in inner.clauses) for clause in outer.clauses)
    )


def implies(one: Clause[Any], other: Clause[Any]) -> bool:
    """Whether the other clause holds whenever this one does."""
    if isinstance(one, _ANY_OF) and isinstance(other, _ANY_OF):
        return one.name == other.name and frozenset(one.values) <= frozenset(other.values)
    if isinstance(one, AuthAge) and isinstance(other, AuthAge):
        return one.seconds <= other.seconds
    if isinstance(one, Networks) and isinstance(other, Networks):
        return all(any(_inside(network, wider) for wider in other.values) for network in one.values)
    if isinstance(one, Window) and isinstance(other, Window):
        return one == other or _within(one, other)
    return False


def search_keys(rule: Rule[Any]) -> Iterator[str]:
    """Under which keys of the index a rule stands that covers this one: it names at least
    what this one names, of the same kind."""
    for clause in rule.clauses:
        if isinstance(clause, Claim):
            yield f"{clause.kind}:{min(clause.values)}"
        elif isinstance(clause, Groups | Roles | Users):
            yield f"{clause.name.rpartition('.')[2]}:{min(clause.values)}"
        elif isinstance(clause, Issuers):
            yield min(clause.values, default="")


def _inside(network: Any, wider: Any) -> bool:
    return network.version == wider.version and bool(network.subnet_of(wider))


def _within(one: Window, other: Window) -> bool:
    """Of windows that do not run over midnight."""
    by_day = one.since < one.until and other.since < other.until and one.timezone.key == other.timezone.key
    return by_day and one.days <= other.days and other.since <= one.since and one.until <= other.until
