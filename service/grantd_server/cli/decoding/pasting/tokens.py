"""Finds the tokens in what was pasted: a header, a form body, a command, an answer in JSON."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST: Final = 8
"""Tokens told of one text."""

_NAMES: Final = (
    "subject_token", "actor_token", "assertion", "client_assertion", "id_token", "id_token_hint", "access_token",
    "refresh_token", "logout_token", "token", "SAMLResponse",
)  # fmt: skip
_PARAMETER: Final = re.compile(rf"(?<![A-Za-z0-9_])({'|'.join(_NAMES)})=([^&\s'\"]{{1,131072}})")
_TYPE: Final = re.compile(r"(?<![A-Za-z0-9_])(subject|actor)_token_type=([^&\s'\"]{1,256})")
_HEADER: Final = re.compile(
    r"(?i)(?<![A-Za-z0-9_-])(?:(?:authorization:\s*)?(bearer|dpop|basic)\s+|(dpop):\s*)([A-Za-z0-9._~+/=-]{8,131072})"
)
_QUOTES: Final = "'\"`\u2018\u2019\u201c\u201d"
_WRAPPED: Final = re.compile(r"eyJ[A-Za-z0-9_.\s-]*")


class Found(NamedTuple):
    """One token, and where it stood."""

    text: str
    place: str = ""
    """The parameter or header; empty where it is all that was pasted."""
    declared: str = ""
    """The token type that was sent beside it."""


def tokens_in(raw: str) -> list[Found]:
    """The tokens of a text, in their order; the text itself where none is found in it."""
    text = raw.strip().strip(_QUOTES).strip().rstrip(",;")
    if text.startswith(("<", "-----BEGIN")):
        return [Found(text)]
    if text.startswith("{"):
        return list(_in_json(text))[:MOST] or [Found(text)]
    found = list(_in_request(text))[:MOST]
    if found:
        return found
    if _WRAPPED.fullmatch(text):
        return [Found("".join(text.split()))]
    return [Found(unquote(text) if "%" in text else text)]


def _in_request(text: str) -> Iterator[Found]:
    types = {match[1]: unquote_plus(match[2]) for match in _TYPE.finditer(text)}
    for match in _HEADER.finditer(text):
        yield Found(match[3], (match[1] or f"{match[2]} header").lower())
    for match in _PARAMETER.finditer(text):
        # What a form has encoded may be base64, whose plus is none of a blank.
        yield Found(unquote(match[2]), match[1], types.get(match[1].removesuffix("_token"), ""))


def _in_json(text: str) -> Iterator[Found]:
    try:
        members = json.loads(text)
    except (ValueError, RecursionError):
        return
    for name in _NAMES:
        if isinstance(members.get(name), str) and members[name]:
            yield Found(members[name], name, str(members.get(f"{name}_type", members.get("issued_token_type", ""))))
