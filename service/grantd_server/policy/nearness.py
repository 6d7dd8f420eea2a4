"""How near a rule came: what an administrator wants to see first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from grantd_server.policy.clauses.circumstances import Networks, Window
from grantd_server.policy.clauses.scope_sign_ins import with_demands
from grantd_server.policy.clauses.sign_in import Acr, Amr, AuthAge, SignedInSince
from grantd_server.policy.clauses.who import Claim, Groups, Issuers, Roles, Tenants, Users

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from grantd_server.policy.clauses.scope_sign_ins import Demands
    from grantd_server.policy.clauses.who import AttemptT
    from grantd_server.policy.rules import Rule

ASKER: Final = 0
"""What the asker mends alone: another sign-in, place or hour."""
PERSON: Final = 1
"""What is mended for this one person: a group, a role, a claim."""
RULE: Final = 2
"""What gives everybody whom the rule names more: its scopes, its end."""
OTHERS: Final = 3
"""What makes a rule about others be about this client or issuer, too."""

_TOUCHED: Final[Mapping[type, int]] = {
    **dict.fromkeys((Acr, Amr, AuthAge, SignedInSince, Networks, Window), ASKER),
    **dict.fromkeys((Groups, Roles, Users, Claim), PERSON),
    **dict.fromkeys((Issuers, Tenants), OTHERS),
}
"""Whom it touches when a clause is made to hold. The fewer the better: who reads the list
from its top should not come first to what opens the most."""


class Near(NamedTuple):
    """Sorts by clauses that failed, fewest first; then by whom the mending touches."""

    failed: int
    touched: int


class Fit(NamedTuple):
    """Among equally near rules: the one that grants most of what was refused, then least
    beyond it, then the one that was written for this very client, resource and scope."""

    missing: int
    beyond: int
    by_pattern: int


def nearness(rule: Rule[AttemptT], inputs: AttemptT, refused: AbstractSet[str]) -> Near:
    """How near a rule of the resource came. Nothing failed: it grants all that was refused."""
    touched = [whom for whom, _ in lacking(rule, inputs, refused)]
    return Near(len(touched), max(touched, default=ASKER))


def lacking(rule: Rule[AttemptT], inputs: AttemptT, refused: AbstractSet[str]) -> Iterator[tuple[int, str]]:
    """What a rule lacks: whom the mending touches, and the clause."""
    if inputs.client not in rule.clients:
        yield OTHERS, "clients"
    for clause in rule.clauses:
        if clause.holds(inputs) is not True:
            yield _TOUCHED[type(clause)], clause.name
    if refused.isdisjoint(rule.scopes):
        yield RULE, "scopes"
    if not rule.in_force(inputs.now):
        yield RULE, "expires"


def fit(rule: Rule[AttemptT], inputs: AttemptT, refused: AbstractSet[str], registered: AbstractSet[str]) -> Fit:
    """How well a rule fits what was refused."""
    here = rule.scopes & registered
    written = {name: text.split(", ") for name, text in rule.written.items()}
    by_name = (
        inputs.client in written.get("clients", ()),
        inputs.resource in written.get("resources", ()),
        not refused.isdisjoint(written.get("scopes", ())),
    )
    return Fit(len(refused - here), len(here - refused), by_name.count(False))


def under_demands(rules: Iterable[Rule[AttemptT]], demands: Demands | None) -> Iterator[Rule[AttemptT]]:
    """The rules as they decide: under what their scopes demand of the sign-in."""
    yield from rules if demands is None else with_demands(rules, demands)
