"""Reads tests: each is one question, or one for every combination of what it lists."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from grantd_server.governance.asking.question import Legs, Question
from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.texts import scalars
from grantd_server.governance.testing.reading.people import UNTOLD, SignedIn, address, read_signed_in
from grantd_server.governance.testing.reading.rows import Row, one_or_many, read_rows
from grantd_server.governance.testing.suites import Case

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from grantd_server.governance.asking.question import Person
    from grantd_server.governance.reading.texts.fields import Fields
    from grantd_server.governance.reading.texts.nodes import Node


@dataclass(frozen=True, slots=True)
class Setting:
    """What a file says once for all of its tests."""

    people: Mapping[str, Person]
    client: tuple[str, ...] = ()
    resource: tuple[str, ...] = ()
    issuer: str | None = None
    at: int | None = None
    signed_in: SignedIn = UNTOLD
    address: str | None = None


def read_setting(fields: Fields, people: Mapping[str, Person], above: Setting) -> Setting:
    """The keys that a file may say once and a test may say otherwise."""
    inside = fields.inside("sign_in")
    return Setting(
        people=people,
        client=one_or_many(fields, "client", scalars.name) or above.client,
        resource=one_or_many(fields, "resource", scalars.name) or above.resource,
        issuer=fields.optional("issuer", scalars.name, above.issuer),
        at=fields.optional("at", scalars.instant, above.at),
        signed_in=above.signed_in if inside is None else read_signed_in(inside),
        address=fields.optional("address", address, above.address),
    )


def read_test(fields: Fields, people: Mapping[str, Person], above: Setting) -> list[Case]:
    """The cases of one test."""
    name = fields.required("name", scalars.text, "")
    setting = read_setting(fields, people, above)
    audience = fields.optional("audience", scalars.name, None)
    tenant = fields.optional("tenant", scalars.tenant, None)
    legs = fields.optional("leg", _legs, Legs.BOTH)
    rows = list(read_rows(fields, people))
    fields.close()
    if fields.sound and not (setting.client and setting.resource):
        fields.wrong("", f'the key "{"resource" if setting.client else "client"}" is missing, here and at the top')
    if not fields.sound:
        return []
    asked = Question(
        "", "", (), 0, None, setting.issuer, audience, setting.signed_in.sign_in, setting.address, tenant, legs
    )
    return [
        Case(f"{name}{told}", row.place, question, row.expected, setting.at, setting.signed_in.age)
        for row in rows
        for told, question in _combined(setting, row, asked, many=len(rows) > 1)
    ]


def _combined(setting: Setting, row: Row, asked: Question, *, many: bool) -> Iterator[tuple[str, Question]]:
    """One question for every combination, each with what is special about it."""
    for who, client, resource in product(row.who, setting.client, setting.resource):
        special = [who] if who and (many or len(row.who) > 1) else []
        special += [client] if len(setting.client) > 1 else []
        special += [resource] if len(setting.resource) > 1 else []
        person, scopes = setting.people.get(who), tuple(row.expected)
        told = f" [{', '.join(special)}]" if special else ""
        yield told, replace(asked, person=person, client=client, resource=resource, scopes=scopes)


def _legs(node: Node) -> Legs:
    try:
        return Legs(node.value)
    except ValueError:
        raise Wrong('"grant", "redemption" or "both" is expected') from None
