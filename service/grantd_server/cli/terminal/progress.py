"""A line on a terminal that says how far a long command is. Never in a pipe or a log."""

from __future__ import annotations

import sys
import time
from typing import IO, TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

WIDTH: Final = 30
PAUSE: Final = 0.1
"""Seconds between two drawings."""


class Bar:
    """Draws on `out`, where that is a terminal; the line is gone at the end."""

    def __init__(self, what: str, out: IO[str] | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._what = what
        self._out = sys.stderr if out is None else out
        self._monotonic = monotonic
        self._drawn = self._began = monotonic()
        self._on = self._out.isatty()

    def __enter__(self) -> Self:
        return self

    def at(self, done: int, total: int) -> None:
        """Tells how much is done, of how much there is."""
        now = self._monotonic()
        if self._on and (now - self._drawn >= PAUSE or done >= total):
            self._drawn = now
            share = min(1.0, done / total) if total else 1.0
            filled = int(share * WIDTH)
            pace = done / max(now - self._began, PAUSE)
            left = (total - done) / pace if pace and done < total else 0.0
            bar = "#" * filled + "." * (WIDTH - filled)
            told = f"[{bar}] {share:4.0%}  {done:,} of {total:,} {self._what}, {pace:,.0f}/s, {left:.0f} s left"
            self._out.write(f"\r\x1b[K{told}")
            self._out.flush()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._on:
            self._out.write("\r\x1b[K")
            self._out.flush()
