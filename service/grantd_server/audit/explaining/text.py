"""The text of `grantd explain`: an explanation, told to a person."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from grantd_server.audit.explaining.shown import exactly, shown
from grantd_server.model.caller import ADMINISTRATION
from grantd_server.model.moments import utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grantd_server.audit.explaining.explanation import Explanation, Made, Miss, Place

_WIDTH: Final = 14
_GOVERNING: Final = frozenset(role.value for role in ADMINISTRATION)
_MOST_PLACES: Final = 12
"""Decisions of the chain that are listed; `grantd chain` lists all."""
_SENTENCE: Final = 500
"""Characters of a sentence, which is ours unless another service made it."""
_SECONDS: Final = re.compile(r"\b(?:now|exp|nbf|iat|at|before|until) ([1-9][0-9]{9})\b(?!\.)")
"""Seconds since the epoch, where a check names a moment."""


def text_of(explanation: Explanation) -> str:
    """Tells an explanation; lines of text without a trailing newline."""
    return "\n".join(_lines(explanation))


def moment(time: float) -> str:
    """A time to the millisecond; empty where there is none."""
    return utc(time, "milliseconds") if time else ""


def _lines(explanation: Explanation) -> Iterator[str]:
    yield f"decision {shown(explanation.id or '?')}"
    yield from _row("outcome", _outcome(explanation))
    yield from _row("when", moment(explanation.time))
    yield from _row("call", explanation.rpc)
    yield from _who(explanation)
    for name in ("issuer", "subject", "tenant", "audience", "resources"):
        yield from _row(name, getattr(explanation, name))
    yield from _row("asked for", explanation.scopes_asked)
    yield from _row("granted", explanation.scopes_granted)
    yield from _row("expires", utc(explanation.expires) if explanation.expires else "")
    yield from _row("bundle", _bundle(explanation))
    for name in ("chain", "family", "jti_hash", "token_hash", "trace_id", "error_id", "used_by"):
        yield from _row(name.replace("_", " "), getattr(explanation, name))
    yield from _position(explanation.position, explanation.id)
    yield from _checks(explanation.checks)
    yield from _rules(explanation)
    yield from _near_misses(explanation.near_misses)
    yield from _facts(explanation)
    yield from _next(explanation)


def _row(label: str, value: object) -> Iterator[str]:
    if value:
        yield f"  {label:<{_WIDTH}}{shown(value)}"


def _outcome(explanation: Explanation) -> str:
    outcome = explanation.outcome or "unfinished"
    why = explanation.reason or explanation.told
    return f"{outcome}: {why}" if why else outcome


def _who(explanation: Explanation) -> Iterator[str]:
    client = explanation.client
    if not client and not explanation.caller and not explanation.role:
        return
    credential = explanation.client_credential
    by = (explanation.client_id, explanation.client_method, f"secret {credential}" if credential else "")
    more = f" ({', '.join(part for part in by if part)})" if client and any(by) else ""
    # Who governs speaks for no client.
    nobody = "" if explanation.role in _GOVERNING else "not authenticated"
    yield from _row("client", f"{client}{more}" if client else nobody)
    role = f" ({explanation.role})" if explanation.role else ""
    through = f" over {explanation.transport}" if explanation.transport else ""
    yield from _row("caller", f"{explanation.caller}{role}{through}".strip())
    yield from _row("address", explanation.address)


def _bundle(explanation: Explanation) -> str:
    version = explanation.bundle_version
    return f"{version} (epoch {explanation.bundle_epoch})" if version else ""


def _position(places: Sequence[Place], own: str) -> Iterator[str]:
    at = next((number for number, place in enumerate(places) if place.id == own), None)
    if not places or (len(places) == 1 and at == 0):
        return
    yield ""
    # An introspection is about a chain and no decision on it.
    yield f"decision {at + 1} of {len(places)} on its chain:" if at is not None else "about this chain:"
    at = at or 0
    first = max(0, min(at - _MOST_PLACES // 2, len(places) - _MOST_PLACES))
    for place in places[first : first + _MOST_PLACES]:
        mark = ">" if place.id == own else " "
        yield f"  {mark} {moment(place.time)}  {shown(place.kind)} {shown(place.outcome)}  {shown(place.id)}"


def _checks(checks: Sequence[Made]) -> Iterator[str]:
    if not checks:
        return
    yield ""
    yield "checks, in order:"
    for step, name, ok, expected, got in checks:
        where = f"{shown(step)}: " if step else ""
        yield f"  {'ok    ' if ok else 'FAILED'} {where}{shown(name)}"
        yield from sides(expected, got, differ=not ok)


def sides(expected: str, got: str, *, differ: bool = True) -> Iterator[str]:
    """What was expected and what came, moments in UTC beside their seconds; where they
    differ, told so that they do not look alike."""
    if expected:
        yield f"           expected {_timed(exactly(expected, got) if differ else shown(expected))}"
    if got:
        yield f"           got      {_timed(exactly(got, expected) if differ else shown(got))}"


def _timed(text: str) -> str:
    return _SECONDS.sub(lambda found: f"{found[0]} ({utc(int(found[1]))})", text)


def _rules(explanation: Explanation) -> Iterator[str]:
    granted, refused, shadow = explanation.rules, explanation.refused_scopes, explanation.shadow
    if granted or refused or shadow:
        yield ""
        yield "rules:"
    for scope, rule in granted.items():
        yield f"  {shown(scope)}: granted by rule {shown(rule)}"
    for scope, why in refused.items():
        yield f"  {shown(scope)}: not granted, {shown(why)}"
    for rule, effect in shadow.items():
        yield f"  shadow rule {shown(rule)} would {shown(effect)}"


def _near_misses(misses: Sequence[Miss]) -> Iterator[str]:
    if misses:
        yield ""
        yield "nearest misses:"
    for miss in misses:
        more = f", and at {miss.failed - 1} more" if miss.failed > 1 else ""
        yield f"  rule {shown(miss.rule or '?')} failed at {shown(miss.clause or '?')}{more}"
        yield from sides(miss.expected, miss.got)


def _facts(explanation: Explanation) -> Iterator[str]:
    if explanation.facts:
        yield ""
        yield "facts:"
    for name, value in explanation.facts.items():
        yield f"  {shown(name)}: {shown(value)}"


def _next(explanation: Explanation) -> Iterator[str]:
    if explanation.remedy:
        yield ""
        yield f"next: {shown(explanation.remedy, _SENTENCE)}"
        yield f"whose job: {shown(explanation.whose)}"
    elif explanation.sentence:
        yield ""
        yield f"told: {shown(explanation.sentence, _SENTENCE)}"
        yield from (f"try: {shown(advice, _SENTENCE)}" for advice in explanation.advice)
        yield "otherwise: give the identity team this decision id"


def short_text(explanation: Explanation) -> str:
    """One line of a list."""
    scopes = explanation.scopes_granted or explanation.scopes_asked
    parts = (
        moment(explanation.time),
        shown(explanation.id),
        shown(explanation.rpc),
        shown(_outcome(explanation)),
        f"by {shown(explanation.client)}" if explanation.client else "",
        f"at {shown(explanation.resources)}" if explanation.resources else "",
        f"({shown(scopes)})" if scopes else "",
    )
    return "  ".join(part for part in parts if part)
