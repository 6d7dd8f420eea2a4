"""The sign-in that a scope itself demands (A-43, A-44): a condition of every rule that
grants it, so that it holds whoever wrote the rule, and a step-up mends it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from grantd_server.model.bundle.rules import StepUp
from grantd_server.policy.clauses.sign_in import Acr, AuthAge, SignedInSince

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from grantd_server.model.bundle.scopes import ScopeSignIn
    from grantd_server.policy.clauses.who import AttemptT, Clause
    from grantd_server.policy.rules import Rule

Demands = dict[str, tuple["Clause[Any]", ...]]
"""By scope of one resource."""


def demands_of(sign_ins: Mapping[str, ScopeSignIn]) -> Demands:
    """The clauses of each scope."""
    return {scope: tuple(_clauses(demanded)) for scope, demanded in sign_ins.items()}


def with_demands(rules: Iterable[Rule[AttemptT]], demands: Demands, asked: frozenset[str]) -> Iterator[Rule[AttemptT]]:
    """The rules as they decide of the scopes that were asked, and of no others: those that
    demand something each under its demands. What was not asked makes no work."""
    demanded = asked & demands.keys()
    for rule in rules:
        demanding = demanded & rule.scopes
        if not demanding:
            yield rule
            continue
        if plain := asked & rule.scopes - demanding:
            yield replace(rule, scopes=plain)
        for scope in sorted(demanding):
            yield replace(rule, scopes=frozenset({scope}), clauses=(*demands[scope], *rule.clauses))


def step_up_for(rule: Rule[AttemptT], now: int) -> StepUp | None:
    """What to ask of the next sign-in: everything the rule wants of it, so that a fresh
    sign-in does not lose what the old one had. A rule that wants only a method has no
    parameter of RFC 9470 to ask with; a fresh sign-in is the nearest thing.

    None where no sign-in would do, because two demands exclude each other (A-46).
    """
    wanted = [clause.values for clause in rule.clauses if isinstance(clause, Acr)]
    acr = tuple(value for value in wanted[0] if all(value in others for others in wanted)) if wanted else ()
    if wanted and not acr:
        return None
    ages = [clause.seconds for clause in rule.clauses if isinstance(clause, AuthAge)]
    ages += [max(0, now - clause.moment) for clause in rule.clauses if isinstance(clause, SignedInSince)]
    return StepUp(acr_values=acr, max_age=min(ages) if ages else None if acr else 0)


def _clauses(demanded: ScopeSignIn) -> Iterator[Clause[Any]]:
    if demanded.acr:
        yield Acr(demanded.acr, name="sign_in.acr")
    if demanded.max_auth_age is not None:
        yield AuthAge(demanded.max_auth_age, name="sign_in.max_auth_age")
    if demanded.since is not None:
        yield SignedInSince(demanded.since)
