"""What changes between two bundle versions: by section, object and field."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from grantd_server.governance.reading.sections import OBJECTS, RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantd_server.governance.document import Document

HIDDEN = "(credentials, not shown)"
"""A digest of a secret is not secret, and still nobody needs it on a screen."""


class Change(NamedTuple):
    """One difference. `field` is empty where a whole object came or went."""

    kind: str
    """`added`, `removed` or `changed`."""
    section: str
    name: str
    """Of the object; of a rule its list and id, `northwind/finance-reads`."""
    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        what = f"{self.section}.{self.name}"
        if not self.field:
            return f"{self.kind} {what}"
        return f"{self.kind} {what}.{self.field}: {_shown(self.before)} -> {_shown(self.after)}"


def diff(old: Document | bytes, new: Document | bytes) -> list[Change]:
    """Lists the changes, in the order of sections, names and fields."""
    before, after = _content(old), _content(new)
    changes: list[Change] = []
    for section in (*OBJECTS, *RULES):
        was, is_ = _by_name(before, section), _by_name(after, section)
        for name in sorted(was.keys() | is_.keys()):
            if name not in was:
                changes.append(Change("added", section, name, "", None, None))
            elif name not in is_:
                changes.append(Change("removed", section, name, "", None, None))
            else:
                changes += _fields(section, name, was[name], is_[name])
    return changes


def _content(document: Document | bytes) -> dict[str, Any]:
    raw = document if isinstance(document, bytes) else document.json
    content: dict[str, Any] = json.loads(raw)
    return content


def _by_name(content: dict[str, Any], section: str) -> dict[str, Any]:
    below: dict[str, Any] = content.get(section, {})
    if section in OBJECTS:
        return below
    return {f"{name}/{rule['id']}": rule for name, rules in below.items() for rule in rules}


def _fields(section: str, name: str, was: Any, is_: Any) -> Iterator[Change]:
    old, new = dict(_flat(was, "")), dict(_flat(is_, ""))
    for field in sorted(old.keys() | new.keys()):
        before, after = old.get(field), new.get(field)
        if before != after:
            kind = "added" if field not in old else "removed" if field not in new else "changed"
            hide = "authentication" in field.split(".")
            yield Change(kind, section, name, field, *((HIDDEN, HIDDEN) if hide else (before, after)))


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every leaf with its path; a list is a leaf, because its order has no meaning."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _flat(below, f"{path}.{key}" if path else key)
    else:
        yield path, value


def _shown(value: Any) -> str:
    return value if value == HIDDEN else json.dumps(value, ensure_ascii=False, sort_keys=True)
