"""Finds the few rules that can concern an attempt among many.

Three levels, resource, client and subject key, each exact or `ANY`. A rule that names
many resources is filed under `ANY` and found by its group instead, so that a thousand
rules over every resource are as cheap as a thousand rules over one each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

ANY = ""
"""No name and no key is empty."""

MOST_RESOURCES = 4
MOST_CLIENTS = 8
"""Filed one by one up to here. More would multiply the index, not speed it up."""


class Indexed(Protocol):
    """What the index reads of a rule."""

    @property
    def id(self) -> str: ...
    @property
    def resources(self) -> frozenset[str]: ...
    @property
    def clients(self) -> frozenset[str]: ...
    @property
    def keys(self) -> tuple[str, ...]: ...
    @property
    def unknown_key(self) -> str: ...


RuleT = TypeVar("RuleT", bound=Indexed)


@dataclass(frozen=True, slots=True)
class Index(Generic[RuleT]):
    """Resource to client to key to rules, each in the order of ids."""

    table: Mapping[str, Mapping[str, Mapping[str, Sequence[RuleT]]]]

    def find(self, resource: str, client: str, keys: Iterable[str]) -> Iterable[RuleT]:
        """The rules filed under any of the keys, each once, in no promised order.
        Some may turn out to be about another resource or client."""
        found: dict[str, RuleT] = {}
        for by_key in self._tables(resource, client):
            for key in keys:
                if key in by_key:
                    for rule in by_key[key]:
                        found[rule.id] = rule
        return found.values()

    def rules(self) -> dict[str, RuleT]:
        """All rules, by id."""
        return {
            rule.id: rule
            for by_client in self.table.values()
            for by_key in by_client.values()
            for rules in by_key.values()
            for rule in rules
        }

    def near(self, resource: str, client: str) -> Iterator[RuleT]:
        """All rules of a resource, those of the client first. Repeats are possible."""
        for by_key in self._tables(resource, client):
            for rules in by_key.values():
                yield from rules
        for by_client in self._clients(resource):
            for name, by_key in by_client.items():
                if name not in {client, ANY}:
                    for rules in by_key.values():
                        yield from rules

    def _clients(self, resource: str) -> Iterator[Mapping[str, Mapping[str, Sequence[RuleT]]]]:
        for name in (resource, ANY):
            if name in self.table:
                yield self.table[name]

    def _tables(self, resource: str, client: str) -> Iterator[Mapping[str, Sequence[RuleT]]]:
        for by_client in self._clients(resource):
            for name in (client, ANY):
                if name in by_client:
                    yield by_client[name]


def index_of(rules: Sequence[RuleT]) -> Index[RuleT]:
    """Files rules, given in the order of their ids."""
    table: dict[str, dict[str, dict[str, list[RuleT]]]] = {}
    for rule in rules:
        for resource in _names(rule.resources, MOST_RESOURCES):
            by_client = table.setdefault(resource, {})
            for client in _names(rule.clients, MOST_CLIENTS):
                by_key = by_client.setdefault(client, {})
                for key in _keys(rule):
                    by_key.setdefault(key, []).append(rule)
    return Index(table)


def _names(names: frozenset[str], most: int) -> Iterable[str]:
    return sorted(names) if len(names) <= most else (ANY,)


def _keys(rule: Indexed) -> Iterable[str]:
    if not rule.keys:
        return (ANY,)
    return (*rule.keys, rule.unknown_key) if rule.unknown_key else rule.keys
