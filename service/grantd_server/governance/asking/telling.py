"""Why a scope was granted or refused, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantd_server.governance.asking.answering import CEILING
from grantd_server.model.bundle.rules import ScopeRefusal
from grantd_server.policy.wording import step_up_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.governance.asking.answering import Answer
    from grantd_server.model.bundle.rules import Decision

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
        f"{f', and at {miss.failed - 1} more' if miss.failed > 1 else ''}"
        for miss in decision.near_misses
    )


def _placed(rule: str, places: Mapping[str, str]) -> str:
    return f"{rule} ({places[rule]})" if rule in places else rule


def lines(answer: Answer, places: Mapping[str, str]) -> Iterator[str]:
    """The whole answer for people."""
    yield f"asked of {answer.issuer}"
    for scope, found in answer.scopes.items():
        yield f"{scope}: {found.reason}"
        yield from (f"  {reason}" for reason in why(answer, scope, places))
    for leg, decision in sorted(answer.decisions.items()):
        if decision.step_up is not None:
            yield f"leg {leg}: a sign-in would do: {step_up_text(decision.step_up)}"
        for rule, effect in decision.shadow.items():
            yield f"leg {leg}: shadow rule {_placed(rule, places)} would {effect}"


def as_data(answer: Answer, places: Mapping[str, str]) -> dict[str, Any]:
    """The whole answer in plain JSON types."""
    scopes = {
        scope: {
            "granted": found.granted,
            "reason": found.reason,
            "rules": list(found.rules),
            "why": list(why(answer, scope, places)),
        }
        for scope, found in answer.scopes.items()
    }
    misses = [
        {"leg": leg, "rule": miss.rule, "place": places.get(miss.rule), "clause": miss.clause,
         "expected": miss.expected, "got": miss.got, "failed": miss.failed}
        for leg, decision in sorted(answer.decisions.items())
        for miss in decision.near_misses
    ]  # fmt: skip
    shadow = {rule: effect for decision in answer.decisions.values() for rule, effect in decision.shadow.items()}
    return {"issuer": answer.issuer, "scopes": scopes, "near_misses": misses, "shadow": shadow}
