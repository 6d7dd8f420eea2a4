"""Reads `WWW-Authenticate` (RFC 9110 section 11.6.1): schemes and their attributes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LONGEST: Final = 8192

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME: Final = re.compile(rf"\s*(?:,\s*)*({_TOKEN})(?=\s|,|$)(?!\s*=)")
_ATTRIBUTE: Final = re.compile(rf'\s*(?:,\s*)*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))\s*(?=,|$)')
_ENDING: Final = re.compile(r"[\s,]*$")


class Malformed(Exception):
    """A header that no client can read."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge; the scheme and the names of its attributes in lower case."""

    scheme: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def read_challenges(headers: Iterable[str]) -> list[Challenge]:
    """All challenges of all headers.

    Raises:
        Malformed: an unclosed quote, an attribute given twice, no scheme, or too long.
    """
    return [challenge for header in headers for challenge in _read(header)]


def _read(header: str) -> list[Challenge]:
    if len(header) > LONGEST:
        raise Malformed
    found: list[tuple[str, dict[str, str]]] = []
    place = 0
    while not _ENDING.match(header, place):
        if attribute := _ATTRIBUTE.match(header, place):
            name = attribute[1].lower()
            if not found or name in found[-1][1]:
                raise Malformed
            quoted = attribute[2]
            found[-1][1][name] = attribute[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            place = attribute.end()
        elif scheme := _SCHEME.match(header, place):
            found.append((scheme[1].lower(), {}))
            place = scheme.end()
        else:
            raise Malformed
    return [Challenge(scheme, attributes) for scheme, attributes in found]
