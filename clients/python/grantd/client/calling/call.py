"""What one call is, whoever runs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from grantd.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

R = TypeVar("R")

LARGEST_PAGE = 100
"""Rows that the service puts on one page at most."""


@dataclass(frozen=True, slots=True)
class Call(Generic[R]):
    """One call: how its message is built, and how the answer is read."""

    service: str
    method: str
    build: Callable[[], Any] = field(repr=False)
    """Called for each attempt, so that each carries its own client proof. The messages
    of a call that sends more than one come as an iterator."""
    read: Callable[[Any, str | None], R] = field(repr=False)
    """Takes the answer and the decision id; of a stream, each answer and None."""
    repeatable: bool = True
    """False where an attempt without an answer may have used something up, or done something."""
    seconds: float | None = None
    """For all attempts together, where that is not what the connection gives every call."""


class Page(NamedTuple, Generic[R]):
    """A part of a list."""

    rows: tuple[R, ...]
    more: str
    """What to ask for the next page with; empty on the last."""


class Tokens:
    """Those of one list: a service that repeats one would be asked for ever."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def new(self, token: str) -> str:
        """Gives it back. Raises Unavailable where it came before: what is there is no whole list."""
        if token in self._seen:
            raise Unavailable("DATA_LOSS", description="the service repeats a page of the list")
        self._seen.add(token)
        return token


def size_of(left: int | None) -> int:
    """How many rows to ask for, where so many are still wanted; None: all there are."""
    return LARGEST_PAGE if left is None else min(left, LARGEST_PAGE)
