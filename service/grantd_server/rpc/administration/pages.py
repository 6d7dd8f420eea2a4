"""Pages of a list: how many, and where the next one goes on."""

from __future__ import annotations

import base64
import binascii

from grantd_server.refusals import Reason, Refused

USUAL = 50
MOST = 100
"""So that a page of the longest rows is one message."""


def page_of(size: int) -> int:
    """How many rows a page has."""
    if size < 0:
        raise Refused(Reason.PARAMETER_INVALID, field="page_size")
    return min(size or USUAL, MOST)


def token_of(number: int, name: str) -> str:
    """Where the next page goes on."""
    return base64.urlsafe_b64encode(f"{number}:{name}".encode()).decode()


def after(token: str) -> tuple[int, str] | None:
    """What a token says; None for the first page. It is the caller's, and no secret."""
    if not token:
        return None
    try:
        number, _, name = base64.b64decode(token[:256], b"-_", validate=True).decode("ascii").partition(":")
        if number.isdecimal() and len(number) <= 18:
            return int(number), name
    except (binascii.Error, ValueError):
        pass
    raise Refused(Reason.PARAMETER_INVALID, field="page_token")
