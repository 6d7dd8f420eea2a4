"""What to tell of a file that is not YAML, or no text at all: the place where somebody has
to look, and what to write there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    import yaml

UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML allows nowhere (YAML 1.2 section 5.1)."""
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_NO_COLON = "could not find expected ':'"
_HINTS = {
    "mapping values are not allowed in this context": (
        "mapping values are not allowed in this context; put a text with a colon and a blank in quotes, "
        "and let keys of one mapping begin in one column"
    ),
    _NO_COLON: "a key is expected, a colon and a blank after it",
    "found a tab character that violates indentation": "a tab stands where the line is indented; use spaces",
}


class Unreadable(NamedTuple):
    """Where, counted from 1, and one sentence."""

    line: int
    column: int
    sentence: str


def not_text(raw: bytes) -> Unreadable | None:
    """The first byte that is not UTF-8, or the first character that YAML does not allow."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        if raw.startswith(_UTF_16):
            return Unreadable(1, 1, "the file is UTF-16; save it as UTF-8")
        before = raw[: fault.start].decode("utf-8")
        return Unreadable(*_place(before), "the file is not UTF-8; save it as UTF-8")
    found = UNPRINTABLE.search(text)
    if found is None:
        return None
    named = f"the control character U+{ord(found[0]):04X}"
    return Unreadable(*_place(text[: found.start()]), f"not YAML: {named} stands here; take it out")


def not_yaml(fault: yaml.MarkedYAMLError, text: str) -> Unreadable:
    """What a parser says, in the place where it can be mended."""
    mark = fault.context_mark if fault.problem == _NO_COLON and fault.context_mark else fault.problem_mark
    if mark is None:
        return Unreadable(0, 0, f"not YAML: {fault.problem}")
    return Unreadable(mark.line + 1, mark.column + 1, f"not YAML: {'; '.join(_told(fault, text))}")


def _told(fault: yaml.MarkedYAMLError, text: str) -> Iterator[str]:
    problem, mark, begun = str(fault.problem), fault.problem_mark, fault.context_mark
    if problem == "found character that cannot start any token" and mark is not None:
        sign = text.splitlines()[mark.line][mark.column : mark.column + 1]
        tab = "a tab stands where the line is indented; use spaces"
        yield tab if sign == "\t" else f'a text that begins with "{sign}" is written in quotes'
        return
    yield _HINTS.get(problem, problem)
    if problem not in _HINTS and begun is not None and mark is not None and begun.line != mark.line:
        yield f"see line {begun.line + 1}, column {begun.column + 1}, {fault.context}"


def _place(before: str) -> tuple[int, int]:
    last = before.rpartition("\n")[2]
    return before.count("\n") + 1, len(last) + 1
