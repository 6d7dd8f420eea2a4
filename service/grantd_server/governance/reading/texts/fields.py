"""Reads the keys of one mapping and collects what is wrong with them.

A value that cannot be read is replaced by the neutral value the caller gives, so that
the rest is read and all faults are told at once; `sound` is False from then on, and
what was built must be thrown away.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, TypeVar

from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.texts.scalars import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.texts.nodes import Node

T = TypeVar("T")

MOST_ITEMS = 1000
"""Values of one list."""


class Fields:
    """The keys of one mapping."""

    __slots__ = ("_before", "_faults", "_items", "_read", "label", "node")

    def __init__(self, node: Node, label: str, faults: Faults) -> None:
        self.node = node
        self.label = label
        self._faults = faults
        self._before = len(faults)
        self._read: set[str] = set()
        self._items: dict[str, Node] = {}
        if isinstance(node.value, dict):
            self._items = node.value
        else:
            faults.add(node, label, f"a mapping is expected, not {kind_of(node)}")

    @property
    def sound(self) -> bool:
        """Whether nothing was wrong here so far."""
        return len(self._faults) == self._before

    def __contains__(self, key: str) -> bool:
        return key in self._items

    def wrong(self, key: str, sentence: str) -> None:
        """Notes a fault of one key, or of the whole mapping where the key is absent."""
        label = f"{self.label}.{key}" if key else self.label
        self._faults.add(self.node.at(key), label, sentence)

    def required(self, key: str, read: Callable[[Node], T], neutral: T) -> T:
        """Reads a key that must be there."""
        node = self._take(key, required=True)
        return neutral if node is None else self._value(node, f"{self.label}.{key}", read, neutral)

    def optional(self, key: str, read: Callable[[Node], T], default: T) -> T:
        """Reads a key that may be left out."""
        node = self._take(key)
        return default if node is None else self._value(node, f"{self.label}.{key}", read, default)

    def each(self, key: str, read: Callable[[Node], T], *, required: bool = True) -> tuple[T, ...]:
        """Reads a list; a list that is there has at least one value, each one once."""
        node = self._take(key, required=required)
        return () if node is None else self.items_of(node, f"{self.label}.{key}", read)

    def items_of(self, node: Node, label: str, read: Callable[[Node], T]) -> tuple[T, ...]:
        """Reads the values of a list."""
        if not isinstance(node.value, list):
            brackets = "; put brackets around it" if isinstance(node.value, str) else ""
            self._faults.add(node, label, f"a list is expected, not {kind_of(node)}{brackets}")
            return ()
        if not 1 <= len(node.value) <= MOST_ITEMS:
            self._faults.add(node, label, f"a list of 1 to {MOST_ITEMS} values is expected")
            return ()
        found: list[T] = []
        for item in node.value:
            before = len(self._faults)
            value = self._value(item, label, read, None)
            if value is None or len(self._faults) != before:
                continue
            if value in found:
                self._faults.add(item, label, "the value is repeated")
            found.append(value)
        return tuple(found)

    def value_of(self, node: Node, label: str, read: Callable[[Node], T], neutral: T) -> T:
        """Reads one value that was found by `mapping`."""
        return self._value(node, label, read, neutral)

    def mapping(self, key: str, *, required: bool = False) -> dict[str, Node]:
        """The entries of a mapping of names, not empty; the caller reads the values."""
        node = self._take(key, required=required)
        if node is None:
            return {}
        if not isinstance(node.value, dict):
            self._faults.add(node, f"{self.label}.{key}", f"a mapping is expected, not {kind_of(node)}")
        elif not node.value and self.sound:
            self._faults.add(node, f"{self.label}.{key}", "at least one entry is expected")
        return node.value if isinstance(node.value, dict) else {}

    def inside(self, key: str, *, required: bool = False) -> Fields | None:
        """The keys of a mapping below."""
        node = self._take(key, required=required)
        return None if node is None else Fields(node, f"{self.label}.{key}", self._faults)

    def inside_mapping(self, key: str) -> Fields | None:
        """The same, where the value is a mapping and may be something else as well."""
        node = self._items.get(key)
        return None if node is None or not isinstance(node.value, dict) else self.inside(key)

    def below(self, node: Node, path: str) -> Fields:
        """The keys of a mapping that was found by `mapping`."""
        return Fields(node, f"{self.label}.{path}", self._faults)

    def close(self, hints: Mapping[str, str] | None = None) -> None:
        """Refuses every key that was not read; `hints` tells why of some."""
        for key, node in self._items.items():
            if key in self._read:
                continue
            if hints and key in hints:
                self._faults.at_key(node, self.label, hints[key])
                continue
            near = difflib.get_close_matches(key, self._read, 1)
            meant = f'; did you mean "{near[0]}"?' if near else ""
            meant = "; there are no merge keys, write out what is meant" if key == "<<" else meant
            self._faults.at_key(node, self.label, f'the key "{key}" is not known here{meant}')

    def _take(self, key: str, *, required: bool = False) -> Node | None:
        self._read.add(key)
        node = self._items.get(key)
        if node is None and required and isinstance(self.node.value, dict):
            self._faults.add(self.node, self.label, f'the key "{key}" is missing')
        return node

    def _value(self, node: Node, label: str, read: Callable[[Node], T], neutral: T) -> T:
        try:
            return read(node)
        except Wrong as wrong:
            self._faults.add(node, label, str(wrong))
            return neutral
