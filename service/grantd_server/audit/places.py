"""Where checkpoints go: a second place, out of reach of whoever can write the database.

Another kind (an object store with a lock on its objects, a log service) has these
three methods. They block, and are called off the loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class PlaceUnavailable(Exception):
    """The second place did not take or give a checkpoint; the text says why."""


class Overtaken(Exception):
    """Another process wrote a checkpoint meanwhile: ours would name the wrong one."""


class Line(NamedTuple):
    """One checkpoint as it lies there."""

    where: str
    """For a person: file and line."""
    raw: str
    whole: bool = True
    """False for the end of a file that was never finished."""


class Place(Protocol):
    """A list of checkpoints that only grows. Raises PlaceUnavailable."""

    def last(self) -> str | None:
        """The newest checkpoint; None when there is none."""

    def append(self, raw: str, after: str | None) -> None:
        """Adds a checkpoint durably if `after` is still the newest, else raises Overtaken."""

    def lines(self) -> Iterator[Line]:
        """All of them, the oldest first."""
