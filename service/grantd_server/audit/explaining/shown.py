"""Values made safe to print: everything in a record may have come from an attacker, and
a terminal must not be driven by a `sub`, nor a spreadsheet by a scope."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Final

LONGEST: Final = 200
"""Characters shown of one value."""
LONGEST_CELL: Final = 32_000
"""Characters of one cell: spreadsheets cut at 32,767."""

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that are escaped: controls, direction overrides, line separators."""
_BLANK: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks that have no shape (Default_Ignorable_Code_Point, and the empty braille cell)."""
_PILED: Final = 3
"""Marks on one letter from which on they are escaped: piled up they cover other lines."""
_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What spreadsheets run a cell by, full width as well (OWASP, CSV injection)."""


def shown(value: object, longest: int = LONGEST) -> str:
    """Makes a value safe to print: what is unseen is escaped, what is long is cut. A
    backslash is doubled, so that nothing can be taken for an escape."""
    text = _cut(value if isinstance(value, str) else _plain(value), longest)
    return text if _harmless(text) else _escaped(text.replace("\\", "\\\\"))


def exactly(value: str, beside: str = "") -> str:
    """A value that differs from another: with what the eye would miss. Blanks at its ends
    are quoted, and letters that the other has not are named, so that no look-alike passes."""
    text = shown(value)
    if value != value.strip(" ") or "  " in value:
        text = f"'{text}'"
    known = f"{beside[:LONGEST]}…"
    odd = [char for char in dict.fromkeys(value[:LONGEST]) if ord(char) > 0x7F and char not in known]
    odd = [char for char in odd if not _unseen(char)]
    named = [f"U+{ord(char):04X} {unicodedata.name(char, '')}".strip() for char in odd[:3]]
    return f"{text} [{', '.join(named)}]" if named else text


def cell(value: object) -> str:
    """One cell of a CSV file, which no spreadsheet runs."""
    text = _cut(_escaped("" if value is None else str(value)), LONGEST_CELL)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def as_json(value: object, indent: int | None = None) -> str:
    """JSON that says exactly what the value is, and of which no terminal is driven: what
    is unseen stands there by its code."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return "".join(char if char == "\n" or not _unseen(char) else _json_code(char) for char in text)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _harmless(text: str) -> bool:
    return text.isascii() and text.isprintable() and "\\" not in text


def _escaped(text: str) -> str:
    out: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        out.append(_code(char) if marks > _PILED or _unseen(char) else char)
    return "".join(out)


def _unseen(char: str) -> bool:
    category = unicodedata.category(char)
    return category in _UNSEEN or (category == "Zs" and char != " ") or _BLANK.match(char) is not None


def _code(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def _json_code(char: str) -> str:
    return json.dumps(char)[1:-1] if char != "\x7f" else "\\u007f"


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return " ".join(str(item) for item in value)
    return str(value)
