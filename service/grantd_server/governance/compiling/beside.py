"""Work of seconds in a thread beside the loop, which shares its interpreter: calls shall not
notice. Bundles are compiled so."""

from __future__ import annotations

import asyncio
import gc
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

P = ParamSpec("P")
T = TypeVar("T")

TURN: Final = 0.0005
"""Seconds after which the thread gives way to the loop, a tenth of the interpreter's own: a
call takes a dozen turns, and waits for each of them."""


async def beside(work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """Runs it in a thread that keeps the loop from nothing for long."""
    return await asyncio.to_thread(_gently, lambda: work(*given, **named))


def _gently(work: Callable[[], T]) -> T:
    with _short_turns(), _no_collection():
        return work()


@contextmanager
def _short_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, TURN))
    try:
        yield
    finally:
        sys.setswitchinterval(before)


@contextmanager
def _no_collection() -> Iterator[None]:
    """A tree of a hundred thousand nodes is made and dropped, and none of it is garbage:
    collections that walk it again and again stop every thread for half a second. What is
    garbage meanwhile waits for the end."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
