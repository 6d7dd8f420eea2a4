"""Circumstances in words: one example, by what sets it apart from others."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from grantd_server.governance.analysis.judging.moments import Moment

if TYPE_CHECKING:
    from collections.abc import Collection
    from collections.abc import Set as AbstractSet

_LABELS = {"acr": "acr", "amr": "amr", "auth_time": "signed in", "address": "address", "tenant": "tenant", "now": "at"}
_NAMES = tuple(field.name for field in fields(Moment))
_TIED = {"now": frozenset({"now", "auth_time"})}
"""A sign-in is so long ago: it moves with the time."""


def told(example: Moment, different: AbstractSet[Moment], tried: Collection[Moment]) -> str:
    """The respects in which another value would have made no difference; empty where too
    few neighbours were tried to tell."""
    parts = []
    for name, label in _LABELS.items():
        mine, moved = getattr(example, name), _TIED.get(name, frozenset({name}))
        same = [(other, getattr(example, other)) for other in _NAMES if other not in moved]
        others = (m for m in tried if getattr(m, name) != mine and all(getattr(m, each) == v for each, v in same))
        if any(other not in different for other in others):
            parts.append(f"{label} {_shown(name, mine, example.now)}")
    return ", ".join(parts)


def _shown(name: str, value: object, now: int) -> str:
    if value is None:
        return "unknown"
    if name == "auth_time" and isinstance(value, int):
        return f"{now - value} s before"
    if name == "now" and isinstance(value, int):
        return datetime.fromtimestamp(value, UTC).strftime("%a %Y-%m-%dT%H:%M:%SZ")
    return (" ".join(value) or "none") if isinstance(value, tuple) else str(value)
