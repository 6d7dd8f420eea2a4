"""Base64url and JSON read strictly: one spelling for each value, nothing guessed.

Lenient readers disagree with each other, and what one of them accepts another reads
differently. Everything refused here ends as a `Fault`, never as another exception.
"""

from __future__ import annotations

import binascii
import math
import re
from json import JSONDecoder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_DEPTH = 16
"""Nested objects and lists in one document; honest tokens have three or four."""
MAX_MEMBERS = 256
"""Members of one object."""
LONGEST_SHOWN = 80
"""Characters of foreign text that a fault may repeat."""

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_PADDING = (b"", b"", b"==", b"=")
# By length modulo 4, what the last character may be. It carries spare bits, which must
# be zero: otherwise several texts decode to the same bytes (RFC 4648 section 3.5). A
# remainder of 1 is no encoding at all.
_LAST = (_ALPHABET, b"", b"AQgw", b"AEIMQUYcgkosw048")

UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, bidirectional overrides and lone surrogates: they forge log
lines, hide text from the reader, or break the stores and encoders behind us."""

_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_NO_BRACKET = re.compile(r"[^][{}]+")


class Fault(Exception):
    """A token, key or claim that is not as it must be.

    `check` is a short stable name; `expected` and `got` are for operators: bounded,
    printable, and never a part of a token, a signature or a secret.
    """

    def __init__(self, check: str, expected: str, got: str) -> None:
        super().__init__(check, expected, got)
        self.check = check
        self.expected = expected
        self.got = got

    def __str__(self) -> str:
        return f"{self.check}: expected {self.expected}, got {self.got}"


def shown(value: object) -> str:
    """What a fault may tell about a foreign value: its kind, or a short printable text."""
    if isinstance(value, str):
        text = UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value[:LONGEST_SHOWN])
        return f"'{text}'" if len(value) <= LONGEST_SHOWN else f"'{text}' cut from {len(value)} characters"
    return kind(value)


def kind(value: object) -> str:
    """The JSON kind of a value, for faults that must not repeat it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return f"a text of {len(value)} characters"
    return "a list" if isinstance(value, list) else "an object"


def in_alphabet(raw: bytes) -> bool:
    """True when every byte is of the base64url alphabet."""
    return not raw.translate(None, _ALPHABET)


def decode(segment: bytes) -> bytes:
    """Decodes base64url without padding. The caller has checked the alphabet.

    Raises ValueError on an impossible length and on non-zero spare bits.
    """
    rest = len(segment) % 4
    if rest and segment[-1] not in _LAST[rest]:
        raise ValueError("not the canonical base64url spelling")
    return binascii.a2b_base64(segment.translate(_TO_STANDARD) + _PADDING[rest])


def decode_text(value: object) -> bytes:
    """Decodes base64url text of a JSON document. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError("not base64url text")  # noqa: TRY004  # a fault of the document, not of the caller
    raw = value.encode()
    if not raw or not in_alphabet(raw):
        raise ValueError("not base64url text")
    return decode(raw)


def encode(raw: bytes) -> bytes:
    """Encodes base64url without padding."""
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(bytes.maketrans(b"+/", b"-_"))


def read_object(raw: bytes, check: str) -> dict[str, Any]:
    """Reads one JSON object in UTF-8; a Fault named `check` is all that goes wrong.

    Refused beyond RFC 8259: a byte order mark, repeated members (the readers of this
    world keep the first, the last, or both), NaN and infinities, lone surrogates,
    more than MAX_DEPTH levels and more than MAX_MEMBERS members of one object.
    """
    try:
        text = raw.decode("utf-8")
        _refuse_depth(text)
        value = _DECODER.decode(text)
        if "\\u" in text:
            _refuse_surrogates(value)
    except ValueError as fault:
        raise Fault(check, "one strict JSON object in UTF-8", _reason(fault)) from None
    if not isinstance(value, dict):
        raise Fault(check, "one strict JSON object in UTF-8", kind(value))
    return value


class _NotStrict(ValueError):
    """JSON that the library would take and we do not; the text holds no input."""


def _reason(fault: ValueError) -> str:
    # The library's own messages may quote the document, ours never do.
    if isinstance(fault, _NotStrict):
        return str(fault)
    return "bytes that are not UTF-8" if isinstance(fault, UnicodeError) else "text that is not JSON"


def _refuse_depth(text: str) -> None:
    # Strings are cut out in one pass: an unclosed one runs to the end, so that no
    # input makes the scan start again.
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _NO_BRACKET.sub("", _STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            raise _NotStrict(f"more than {MAX_DEPTH} levels")


def _refuse_surrogates(value: object) -> None:
    # Only an escape can bring a lone surrogate: UTF-8 decoding refuses the bytes.
    pending: list[object] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            if not item.isascii() and any("\ud800" <= char <= "\udfff" for char in item):
                raise _NotStrict("a lone surrogate")
        elif isinstance(item, dict):
            pending.extend(item.keys())
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _NotStrict("a repeated member")
    if len(members) > MAX_MEMBERS:
        raise _NotStrict(f"more than {MAX_MEMBERS} members")
    return members


def _constant(_: str) -> float:
    raise _NotStrict("NaN or an infinity")


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _NotStrict("a number beyond all bounds")
    return number


_DECODER = JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
