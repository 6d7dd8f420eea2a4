"""From the parameter to bytes: base64url, or standard base64, of one assertion (A-31)."""

from __future__ import annotations

import binascii
import re
from typing import Final

from grantd.strict import Fault

MOST_BYTES: Final = 64 * 1024
"""Of the XML."""
_LONGEST: Final = 4 * -(-MOST_BYTES // 3)
_BODY: Final = re.compile(r"[A-Za-z0-9_-]*|[A-Za-z0-9+/]*")
_TO_STANDARD: Final = str.maketrans("-_", "+/")


def decoded(raw: str) -> bytes:
    """Decodes strictly: one alphabet, no blanks, padding right or left out, no stray bits.

    Raises:
        Fault: it is not that, or too long.
    """
    if not raw or len(raw) > _LONGEST:
        raise Fault("encoding", f"1 to {_LONGEST} characters", str(len(raw)))
    body = raw.rstrip("=")
    padding = "=" * (-len(body) % 4)
    if raw not in {body, body + padding} or _BODY.fullmatch(body) is None:
        raise Fault("encoding", "base64url of an assertion", "another text")
    standard = (body + padding).translate(_TO_STANDARD)
    try:
        data = binascii.a2b_base64(standard, strict_mode=True)
    except binascii.Error:
        data = b""
    if binascii.b2a_base64(data, newline=False).decode() != standard:
        raise Fault("encoding", "whole bytes", "stray bits")
    if len(data) > MOST_BYTES:
        raise Fault("encoding", f"at most {MOST_BYTES} bytes", str(len(data)))
    return data
