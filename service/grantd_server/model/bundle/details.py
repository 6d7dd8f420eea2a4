"""Authorization details (RFC 9396): finer grants than a scope can say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class DetailType:
    """A registered type. An object of it is worth something only with its scope."""

    name: str
    """In the bundle."""
    type: str
    """On the wire."""
    resource: str
    """Name of the resource it is about."""
    scope: str
    """Of that resource; denies and conditions of the scope hold for the details (A-18)."""
    fault: Callable[[Mapping[str, Any]], str | None]
    """What is wrong with an object by the registered schema; None when it is of the type."""
    schema_digest: str = ""
    """Which schema that is: its SHA-256, in short."""


@dataclass(frozen=True, slots=True)
class Detail:
    """One object that is asked for or granted; valid by its schema."""

    kind: DetailType
    value: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DetailTerms:
    """Which objects of one type a rule grants."""

    fields: tuple[tuple[str, re.Pattern[str]], ...]
    """Top-level fields, each with what its values may be. None: any that the schema allows."""

    def allow(self, detail: Detail) -> bool:
        """Whether every field holds nothing but what is allowed; an absent one does not."""
        return all(_all_match(pattern, detail.value.get(name)) for name, pattern in self.fields)


def types_digest(types: Mapping[tuple[str, str], DetailType], server: str) -> str:
    """What an authorization server knows of details, in short: objects that could not be
    read by the one cannot be by the other, where two are the same."""
    known = sorted(f"{name} {kind.schema_digest}" for (at, name), kind in types.items() if at == server)
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:16]


LONGEST_FIELD = 512
"""Characters of one recorded value; longer ones are not recorded."""
MOST_VALUES = 64


def recorded_fields(value: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """The named top-level fields, as far as a rule can read them. An absent one is null,
    which rules read alike; what has no spelling is an empty object, likewise; what is
    too large is left out, so that nobody takes it for absent."""
    found = {}
    for name in sorted(names):
        raw = value.get(name)
        values = raw if isinstance(raw, list) else [raw]
        if len(values) <= MOST_VALUES and all(len(_text(one) or "") <= LONGEST_FIELD for one in values):
            spelled: list[Any] = [one if one is None or _text(one) is not None else {} for one in values]
            found[name] = spelled if isinstance(raw, list) else spelled[0]
    return found


def _all_match(pattern: re.Pattern[str], value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    return bool(values) and all((text := _text(one)) is not None and pattern.fullmatch(text) for one in values)


def _text(value: object) -> str | None:
    """A value as rules spell it. What is no scalar has no spelling, and no `*` covers it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) else None
