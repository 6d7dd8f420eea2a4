"""Reads what a test expects: a list of granted scopes, a verdict for each scope, or a table
with a line for each person."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.texts import scalars
from grantd_server.governance.testing.reading.cells import ANY, read_cell
from grantd_server.governance.testing.reading.people import listed
from grantd_server.governance.testing.suites import Expected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from grantd_server.governance.asking.question import Person
    from grantd_server.governance.reading.texts.fields import Fields
    from grantd_server.governance.reading.texts.nodes import Node

NO_PERSON = ""


class Row(NamedTuple):
    """One line of a test: what is special about it, and what is expected."""

    who: tuple[str, ...]
    expected: Mapping[str, Expected]
    place: str
    """`file:line:column`."""


def read_rows(fields: Fields, people: Mapping[str, Person]) -> Iterator[Row]:
    """What is expected: `granted`, `expect` or `table`, exactly one."""
    forms = [key for key in ("granted", "expect", "table") if key in fields]
    if len(forms) != 1:
        fields.wrong("", "exactly one of granted, expect and table is expected")
    scopes = fields.each("scopes", scalars.scope, required="granted" in fields or "table" in fields)
    if "table" in fields:
        yield from _table(fields, people, scopes)
        return
    who = one_or_many(fields, "who", _known(people)) or (NO_PERSON,)
    granted = listed(fields, "granted", scalars.scope)
    if granted is not None:
        for scope in sorted(granted - set(scopes)):
            fields.wrong("granted", f"{scope} is not among the scopes that are asked")
        yield Row(who, {s: Expected(granted=True) if s in granted else ANY for s in scopes}, _place(fields.node))
    cells = fields.mapping("expect")
    if cells:
        label = f"{fields.label}.expect"
        found = {scope: fields.value_of(node, f"{label}.{scope}", read_cell, ANY) for scope, node in cells.items()}
        if scopes and set(scopes) != set(found):
            fields.wrong("scopes", "scopes are those of expect; leave the key out")
        yield Row(who, found, _place(fields.node))


def _table(fields: Fields, people: Mapping[str, Person], scopes: tuple[str, ...]) -> Iterator[Row]:
    for who, node in fields.mapping("table").items():
        label = f"{fields.label}.table.{who}"
        cells = node.value if isinstance(node.value, list) else []
        if who not in people:
            fields.wrong("table", f'nobody is called "{who}"')
        if len(cells) != len(scopes):
            fields.wrong("table", f"{who}: one cell for each of {len(scopes)} scopes is expected")
            continue
        found = [fields.value_of(cell, label, read_cell, ANY) for cell in cells]
        yield Row((who,), dict(zip(scopes, found, strict=True)), _place(node))


def one_or_many(fields: Fields, key: str, read: Callable[[Node], str]) -> tuple[str, ...]:
    """A text, or a list of texts; empty where the key is left out."""
    if isinstance(fields.node.at(key).value, list):
        return fields.each(key, read)
    found = fields.optional(key, read, None)
    return () if found is None else (found,)


def _known(people: Mapping[str, Person]) -> Callable[[Node], str]:
    def read(node: Node) -> str:
        value = scalars.text(node)
        if value not in people:
            raise Wrong(f'nobody is called "{value}"')
        return value

    return read


def _place(node: Node) -> str:
    return f"{node.file}:{node.line}:{node.column}"
