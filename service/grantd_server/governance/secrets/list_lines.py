"""Changes one list of a governance file line by line: what people wrote around it,
comments included, stays byte for byte.

Only lists with one item a line, or below a dash, are changed; any other is left to people.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grantd_server.governance.reading.texts.nodes import Node

_DASH = re.compile(r" *- +")
_ONE_LINE = re.compile(r"(?P<before> *- +secret: *)\{(?P<inside>[^{}#]*)\}(?P<after>.*)")
_EXPIRES = re.compile(r",? *expires: *(?:\"[^\"]*\"|[^,}\s]+)")


class NotByLines(Exception):
    """The list is written in a way that this module does not change; the text says how it
    should be."""


def with_item(text: str, items: list[Node], item: str) -> tuple[str, int]:
    """The text with one more item at the end of a list, and the number of its line."""
    lines = text.splitlines(keepends=True)
    dash = _dash(lines, items[-1])
    end = _end(lines, items[-1].line - 1, len(dash) - len(dash.lstrip()))
    if not lines[end - 1].endswith("\n"):
        lines[end - 1] += "\n"
    lines.insert(end, f"{dash}{item}\n")
    return "".join(lines), end + 1


def without_item(text: str, item: Node) -> str:
    """The text without one item of a list."""
    lines = text.splitlines(keepends=True)
    dash = _dash(lines, item)
    start = item.line - 1
    del lines[start : _end(lines, start, len(dash) - len(dash.lstrip()))]
    return "".join(lines)


def with_expiry(text: str, item: Node, moment: str) -> str:
    """The text in which one secret, written on one line, expires at a moment."""
    lines = text.splitlines(keepends=True)
    found = _ONE_LINE.fullmatch(lines[item.line - 1].rstrip("\r\n"))
    if found is None:
        raise NotByLines("write the secret on one line, as - secret: {sha256: …}, so that it can be given an end")
    end = lines[item.line - 1][found.end() :]
    inside = _EXPIRES.sub("", found["inside"]).strip().lstrip(",").strip()
    lines[item.line - 1] = f"{found['before']}{{{inside}, expires: {moment}}}{found['after']}{end}"
    return "".join(lines)


def _dash(lines: list[str], item: Node) -> str:
    """The blanks and the dash before an item."""
    before = lines[item.line - 1][: item.column - 1]
    if _DASH.fullmatch(before) is None:
        raise NotByLines("write the list with one line and a dash for each item, so that it can be changed by line")
    return before


def _end(lines: list[str], start: int, indentation: int) -> int:
    """The place of the line after an item: what is indented less, or alike, is not its."""
    end = start + 1
    for place in range(start + 1, len(lines)):
        bare = lines[place].strip()
        if not bare or bare.startswith("#"):
            continue  # belongs to the item only where more of it follows
        if len(lines[place]) - len(lines[place].lstrip()) <= indentation:
            break
        end = place + 1
    return end
