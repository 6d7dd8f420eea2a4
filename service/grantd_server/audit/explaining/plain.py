"""Explanations and chains as plain JSON types, without what is empty."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from grantd_server.audit.explaining.shown import shown

LONGEST = 512
"""Characters of one value: as records keep them."""


def plain(value: Any) -> dict[str, Any]:
    """A dataclass by the names of its fields. Texts are escaped as a terminal needs it:
    JSON printers leave direction overrides as they are."""
    found = {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    return {name: kept for name, kept in found.items() if kept not in ("", 0, None, [], {})}


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return shown(value, LONGEST)
    if hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    if hasattr(value, "__dataclass_fields__"):
        return plain(value)
    if isinstance(value, dict):
        return {shown(str(name), LONGEST): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
