"""What is wrong with a bundle: every fault with its place and one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantd_server.governance.reading.texts.nodes import Node

MOST_FAULTS = 200
"""Reported at once; a broken file must not fill a terminal."""


@dataclass(frozen=True, slots=True, order=True)
class BundleFault:
    """One fault. Line and column count from 1; line 0 is a fault of the whole file."""

    file: str
    line: int
    column: int
    sentence: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.sentence}"


class BundleError(Exception):
    """A bundle is refused as a whole. Its text has one line per fault."""

    def __init__(self, errors: Sequence[BundleFault]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = tuple(errors)


class Wrong(ValueError):
    """One value is wrong; the sentence says what is expected of it."""


class Faults:
    """Collects faults, so that all of them are told at once."""

    def __init__(self) -> None:
        self._found: list[BundleFault] = []

    def __len__(self) -> int:
        return len(self._found)

    def add(self, node: Node, label: str, sentence: str) -> None:
        """Notes a fault of a value."""
        self.at(node.file, node.line, node.column, f"{label}: {sentence}" if label else sentence)

    def at_key(self, node: Node, label: str, sentence: str) -> None:
        """Notes a fault of the key that a value stands under."""
        self.at(node.file, node.key_line, node.key_column, f"{label}: {sentence}" if label else sentence)

    def at(self, file: str, line: int, column: int, sentence: str) -> None:
        """Notes a fault at a place."""
        self._found.append(BundleFault(file, line, column, sentence))

    def take(self, other: Faults) -> None:
        """Adds what another collector found."""
        self._found += other._found

    def raise_if_any(self) -> None:
        """Refuses the bundle if anything is wrong with it."""
        if self._found:
            raise BundleError(sorted(set(self._found))[:MOST_FAULTS])
