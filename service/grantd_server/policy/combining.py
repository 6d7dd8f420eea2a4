"""From decisions to one answer: what several resources share, and which objects of
authorization details go with it. Pure; flows and replays combine alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from grantd_server.model.bundle.details import Detail


class Shared(NamedTuple):
    """Scopes that hold at every one of the resources, which are those kept."""

    scopes: tuple[str, ...]
    kept: tuple[str, ...]


def share(decided: Iterable[tuple[str, Sequence[str], Collection[str]]]) -> Shared:
    """Of each resource its spelling, what was asked there and what is granted. A resource
    that shares nothing with those before it is left out."""
    scopes: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    for spelled, asked, granted in decided:
        shared = tuple(scope for scope in asked if scope in granted and (not kept or scope in scopes))
        if shared:
            scopes = shared
            kept = (*kept, spelled)
    return Shared(scopes, kept)


class Agreement(NamedTuple):
    """Scopes and details that go together."""

    scopes: tuple[str, ...]
    rules: tuple[str | None, ...]
    """Of each object in the order asked: the rule that grants it, or None."""


def agree(
    details: Sequence[Detail],
    scopes: tuple[str, ...],
    resources: Collection[str],
    rule_of: Callable[[Detail], str | None],
) -> Agreement:
    """Keeps the details that a rule grants and whose scope is granted at their resource;
    and leaves out a scope of which objects were asked and none granted, because it would
    be worth more without them (A-18)."""
    rules: list[str | None] = []
    reached: set[str] = set()
    denied: set[str] = set()
    for detail in details:
        kind = detail.kind
        rule = rule_of(detail) if kind.scope in scopes and kind.resource in resources else None
        rules.append(rule)
        (denied if rule is None else reached).add(kind.scope)
    left = tuple(scope for scope in scopes if scope in reached or scope not in denied)
    return Agreement(left, tuple(rules))


def label(detail_type: str, number: int) -> str:
    """How the record calls an object of authorization details."""
    return f"{detail_type}[{number}]"
