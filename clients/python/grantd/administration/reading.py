"""Messages as frozen values: what repeats is a tuple, what has names a dict, and what is
not there None, "" or empty."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

R = TypeVar("R")


def read(kind: type[R], message: Any, /, **own: Any) -> R:
    """A value of `kind`, field by field of the same name; `own` are those that are read
    in another way."""
    declared: Any = kind
    plain = (field.name for field in fields(declared) if field.name not in own)
    return kind(**{name: _value(getattr(message, name)) for name in plain}, **own)


def given(number: int) -> int | None:
    """A number of which 0 says that there is none."""
    return number or None


def moment(microseconds: int) -> float | None:
    """Seconds since the epoch; None where it is not known."""
    return microseconds / 1e6 if microseconds else None


def _value(found: Any) -> Any:
    if isinstance(found, (str, bytes, int, float)):
        return found
    # A map of a message has no order of its own.
    return dict(sorted(found.items())) if isinstance(found, Mapping) else tuple(found)
