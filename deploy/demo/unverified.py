"""Looks into a token without trusting it: for showing, never for deciding."""

from __future__ import annotations

import base64
import json
from typing import Any


def _part(segment: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return content


def header_of(token: str) -> dict[str, Any]:
    """The header of a compact JWS."""
    return _part(token.partition(".")[0])


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a JWT."""
    return _part(token.split(".")[1])
