"""Values made safe to print: everything in a record may have come from an attacker, and
a terminal must not be driven by a `sub`."""

from __future__ import annotations

import unicodedata
from typing import Final

LONGEST: Final = 200
"""Characters shown of one value."""

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that are escaped: controls, direction overrides, line separators."""


def shown(value: object, longest: int = LONGEST) -> str:
    """Makes a value safe to print: what is unseen is escaped, what is long is cut."""
    text = value if isinstance(value, str) else _plain(value)
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    return "".join(_escaped(char) for char in cut)


def _escaped(char: str) -> str:
    if char != "\\" and unicodedata.category(char) not in _UNSEEN:
        return char
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return " ".join(str(item) for item in value)
    return str(value)
