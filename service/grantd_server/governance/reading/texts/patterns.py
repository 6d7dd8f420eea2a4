"""Resolves patterns against what is registered, so that a decision compares names only."""

from __future__ import annotations

import re
from functools import reduce
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def matcher(patterns: Iterable[str]) -> re.Pattern[str]:
    """One expression for several patterns; `*` is any run of characters, the only sign
    with a meaning, and an expression of this shape has no exponential case."""
    whole = "|".join(".*".join(re.escape(part) for part in pattern.split("*")) for pattern in patterns)
    return re.compile(whole, re.DOTALL)


def select(patterns: tuple[str, ...], names: Iterable[str]) -> frozenset[str]:
    """The names that any of the patterns matches."""
    expression = matcher(patterns)
    return frozenset(name for name in names if expression.fullmatch(name))


class Registry:
    """What patterns are resolved against. Equal patterns share one set, so that 10,000
    rules over every resource do not hold 10,000 copies."""

    def __init__(self, clients: Iterable[str], scopes: Mapping[str, frozenset[str]]) -> None:
        self._clients = tuple(clients)
        self._scopes = scopes
        self._cache: dict[tuple[object, ...], frozenset[str]] = {}

    def clients(self, patterns: tuple[str, ...]) -> frozenset[str]:
        """Client names."""
        return self._selected("clients", patterns, self._clients)

    def resources(self, patterns: tuple[str, ...]) -> frozenset[str]:
        """Resource names."""
        return self._selected("resources", patterns, self._scopes)

    def scopes(self, patterns: tuple[str, ...], resources: frozenset[str]) -> frozenset[str]:
        """Registered scopes of some resources."""
        key = ("scopes", patterns, resources)
        if key not in self._cache:
            empty: frozenset[str] = frozenset()
            offered = reduce(frozenset.union, (self._scopes[name] for name in resources), empty)
            self._cache[key] = select(patterns, offered)
        return self._cache[key]

    def _selected(self, kind: str, patterns: tuple[str, ...], names: Iterable[str]) -> frozenset[str]:
        key = (kind, patterns)
        if key not in self._cache:
            self._cache[key] = select(patterns, names)
        return self._cache[key]
