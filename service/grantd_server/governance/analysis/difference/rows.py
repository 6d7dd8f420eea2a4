"""One thing that somebody gains or loses, and the same put together for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

GAINED, LOST = "gained", "lost"


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One difference in what is granted."""

    change: str
    """`gained` or `lost`."""
    subject: str
    client: str
    resource: str
    scope: str
    issuer: str
    when: str
    """Circumstances under which it is so, one example; empty: wherever it was granted
    at all, or is."""
    before: tuple[str, ...]
    """The rules that granted or denied it then; none: no rule spoke for it."""
    after: tuple[str, ...]


def grouped(changes: Iterable[Change]) -> list[str]:
    """Lines for people: what happens to the same people for the same reason is one."""
    found: dict[tuple[object, ...], tuple[Change, set[str], set[str]]] = {}
    for each in sorted(changes):
        key = (each.change, each.subject, each.resource, each.when, each.before, each.after)
        _, clients, scopes = found.setdefault(key, (each, set(), set()))
        clients.add(each.client)
        scopes.add(each.scope)
    return [_line(first, sorted(clients), sorted(scopes)) for first, clients, scopes in found.values()]


def _line(change: Change, clients: list[str], scopes: list[str]) -> str:
    when = f" ({change.when})" if change.when else ""
    what = f"{change.change:6} {change.subject}: {', '.join(scopes)} at {change.resource} through {', '.join(clients)}"
    return f"{what}{when}; {_rules(change.before)} -> {_rules(change.after)}"


def _rules(rules: tuple[str, ...]) -> str:
    return ", ".join(rules) or "no rule"
