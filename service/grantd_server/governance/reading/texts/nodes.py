"""A document as a tree that remembers where each value was written."""

from __future__ import annotations

from typing import Any

Scalar = str | int | bool | None


class Node:
    """One value and its place; `key_line` and `key_column` place the key above it."""

    __slots__ = ("column", "file", "key_column", "key_line", "line", "value")

    def __init__(self, value: dict[str, Node] | list[Node] | Scalar, file: str, line: int = 0, column: int = 0) -> None:
        self.value = value
        self.file = file
        self.line = line
        self.column = column
        self.key_line = line
        self.key_column = column

    def __repr__(self) -> str:
        return f"Node({self.file}:{self.line}:{self.column})"

    def at(self, *path: str | int) -> Node:
        """The value at a path below, or as far down as there is one: where a fault of
        that value is told."""
        node = self
        for step in path:
            below, found = node.value, None
            if isinstance(below, dict):
                found = below.get(str(step))
            elif isinstance(below, list) and isinstance(step, int) and step < len(below):
                found = below[step]
            if found is None:
                break
            node = found
        return node

    def plain(self) -> Any:
        """The value in plain JSON types."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


class Preset(Node):
    """A value that a profile filled in. Its place is that of the profile's name."""

    __slots__ = ("profile",)

    def __init__(self, value: dict[str, Node] | list[Node] | Scalar, place: Node) -> None:
        super().__init__(value, place.file, place.line, place.column)
        self.profile = str(place.value)


def nodes_of(data: Any, file: str) -> Node:
    """Makes a tree without places from plain JSON types."""
    if isinstance(data, dict):
        return Node({key: nodes_of(value, file) for key, value in data.items()}, file)
    if isinstance(data, list):
        return Node([nodes_of(value, file) for value in data], file)
    return Node(data, file)
