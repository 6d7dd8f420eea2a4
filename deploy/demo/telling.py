"""How the story looks: chapters, decoded tokens, colour where the terminal has it."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from typing import TYPE_CHECKING, TextIO

from deploy.demo.unverified import claims_of, header_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_BOLD, _DIM, _GREEN, _RED, _CYAN = "1", "2", "32", "31", "36"
_TIMES = frozenset({"iat", "exp", "nbf", "auth_time"})
_WIDTH = 92


def has_colour(out: TextIO) -> bool:
    """Colour is for people at a terminal who did not ask for none."""
    return out.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"


class Teller:
    """Prints the story."""

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._colour = has_colour(out)
        self._chapters = 0

    def chapter(self, title: str) -> None:
        """Begins a chapter."""
        self._chapters += 1
        self._print()
        self._print(self._paint(f"{self._chapters}. {title}", _BOLD))

    def say(self, text: str) -> None:
        """A paragraph."""
        self._print(textwrap.fill(" ".join(text.split()), _WIDTH, initial_indent="   ", subsequent_indent="   "))

    def fact(self, name: str, value: str, note: str = "") -> None:
        """One line of a table."""
        padded = f"{value:<36}" if note else value
        self._print(f"   {self._paint(f'{name:<13}', _CYAN)} {padded}  {self._paint(note, _DIM)}".rstrip())

    def good(self, text: str) -> None:
        """Something that worked."""
        self._print(f"   {self._paint('✓', _GREEN)} {text}")

    def refused(self, text: str) -> None:
        """Something that was refused, as it should be."""
        self._print(f"   {self._paint('✗', _RED)} {text}")

    def verbatim(self, text: str) -> None:
        """The output of another program."""
        for line in text.rstrip().splitlines():
            self._print(f"   {self._paint('│', _DIM)} {line}")

    def token(self, title: str, token: str, notes: Mapping[str, str]) -> None:
        """A decoded token with a note to each member that matters; the signature is
        never shown, as whoever has it has the token."""
        self._print()
        self._print(f"   {self._paint(title, _BOLD)}")
        shown = token.partition(".")[0][:10]
        self._print(f"   {self._paint(f'{shown}… ({len(token)} characters, signature cut)', _DIM)}")
        for name, value in {**header_of(token), **claims_of(token)}.items():
            if name in notes:
                self.fact(name, _readable(name, value), notes[name])
        self._print()

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour else text

    def _print(self, line: str = "") -> None:
        self._out.write(line + "\n")
        self._out.flush()


def _readable(name: str, value: object) -> str:
    if name in _TIMES and isinstance(value, int | float):
        return time.strftime("%H:%M:%S", time.localtime(value))
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = str(value)
    return text if len(text) <= 48 else text[:45] + "…"
