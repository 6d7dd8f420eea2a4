"""Why a scope was granted or refused, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.asking.answering import CEILING
from grantd_server.model.rules import ScopeRefusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.governance.asking.answering import Answer
    from grantd_server.model.rules import Decision

_MENDABLE = frozenset({ScopeRefusal.NO_RULE.value, ScopeRefusal.STEP_UP.value})


def why(answer: Answer, scope: str, places: Mapping[str, str]) -> tuple[str, ...]:
    """The rule that decided, or what stood in the way, or the nearest misses."""
    found = answer.scopes[scope]
    if found.granted:
        return tuple(f"granted by {_placed(rule, places)}" for rule in found.rules) or ("no rule of ours is asked",)
    reason = found.reason.removeprefix(CEILING)
    if reason == ScopeRefusal.DENY_RULE.value:
        return tuple(f"denied by {_placed(rule, places)}" for rule in found.rules)
    if reason == ScopeRefusal.UNKNOWN_SCOPE.value:
        return ("the resource has no such scope",)
    if reason in _MENDABLE:
        leg = 2 if found.reason.startswith(CEILING) else 1
        return _nearest(answer.decisions[leg], places) or ("no rule comes near",)
    if answer.obstacle is None:
        return ()
    return (answer.obstacle.sentence, answer.obstacle.reason.remedy)


def _nearest(decision: Decision, places: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        f"nearest: {_placed(miss.rule, places)} fails at {miss.clause}: expected {miss.expected}, got {miss.got}"
        for miss in decision.near_misses
    )


def _placed(rule: str, places: Mapping[str, str]) -> str:
    return f"{rule} ({places[rule]})" if rule in places else rule
