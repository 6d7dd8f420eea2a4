"""How near a rule came: what an administrator wants to see first."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from grantd_server.policy.clauses.circumstances import Networks, Window
from grantd_server.policy.clauses.sign_in import Acr, Amr, AuthAge, SignedInSince
from grantd_server.policy.clauses.who import Claim, Groups, Issuers, Roles, Tenants, Users

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from grantd_server.policy.clauses.scope_sign_ins import Demands
    from grantd_server.policy.clauses.who import AttemptT, Clause
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


Near = tuple[int, int]
"""Sorts by clauses that failed, fewest first; then by whom the mending touches."""


class Fit(NamedTuple):
    """Among equally near rules: the one that grants most of what was refused, then least
    beyond it, then the one that was written for this very client, resource and scope."""

    missing: int
    beyond: int
    by_pattern: int


Unmet = tuple[tuple[str, tuple["Clause[Any]", ...]], ...]
"""The refused scopes, each with what it demands of the sign-in in vain, the least first.
Empty where no scope of the resource demands anything."""


def unmet(demands: Demands | None, inputs: AttemptT, refused: AbstractSet[str]) -> Unmet:
    """Asked once a refusal, because it is the same whichever rule grants the scope."""
    if demands is None:
        return ()
    found = [(scope, _failing(demands.get(scope, ()), inputs)) for scope in sorted(refused)]
    return tuple(sorted(found, key=lambda one: len(one[1])))


def _failing(clauses: tuple[Clause[Any], ...], inputs: AttemptT) -> tuple[Clause[Any], ...]:
    return tuple(clause for clause in clauses if clause.holds(inputs) is not True)


def nearness(rule: Rule[AttemptT], inputs: AttemptT, refused: AbstractSet[str], demanded: Unmet) -> Near:
    """How near a rule of the resource came. None lacks nothing: what it covers would not
    have been refused."""
    lacks = lacking(rule, inputs, refused, demanded)
    return len(lacks), max(lacks)[0]


def lacking(
    rule: Rule[AttemptT], inputs: AttemptT, refused: AbstractSet[str], demanded: Unmet
) -> list[tuple[int, str]]:
    """What a rule lacks to grant that refused scope which it is nearest to: whom the
    mending touches, and the clause."""
    lacks = [] if inputs.client in rule.clients else [(OTHERS, "clients")]
    if refused.isdisjoint(rule.scopes):
        lacks.append((RULE, "scopes"))
    elif demanded:
        lacks += [(ASKER, clause.name) for clause in least(rule, demanded)]
    for clause in rule.clauses:
        if clause.holds(inputs) is not True:
            lacks.append((_TOUCHED[type(clause)], clause.name))
    if not rule.in_force(inputs.now):
        lacks.append((RULE, "expires"))
    return lacks


def least(rule: Rule[Any], demanded: Unmet) -> tuple[Clause[Any], ...]:
    """What is demanded in vain by that refused scope of the rule which demands least."""
    return next((clauses for scope, clauses in demanded if scope in rule.scopes), ())


def fitting(
    inputs: AttemptT, refused: AbstractSet[str], registered: AbstractSet[str]
) -> Callable[[Rule[AttemptT]], Fit]:
    """How well rules fit what was refused. Many share their scopes and how they are
    written: each is read once."""
    names = ({inputs.client}, {inputs.resource}, refused)

    @cache
    def fit_of(scopes: frozenset[str], *written: str) -> Fit:
        here = scopes & registered
        by_name = [not asked.isdisjoint(text.split(", ")) for asked, text in zip(names, written, strict=True)]
        return Fit(len(refused - here), len(here - refused), by_name.count(False))

    def fit(rule: Rule[AttemptT]) -> Fit:
        written = rule.written.get
        return fit_of(rule.scopes, written("clients", ""), written("resources", ""), written("scopes", ""))

    return fit
