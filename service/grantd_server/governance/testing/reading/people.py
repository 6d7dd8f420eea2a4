"""Reads people and how they signed in, as policy tests describe them."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from grantd_server.governance.asking.question import Person
from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.texts import scalars
from grantd_server.model.bundle.rules import SignIn

if TYPE_CHECKING:
    from collections.abc import Callable

    from grantd_server.governance.reading.texts.fields import Fields
    from grantd_server.governance.reading.texts.nodes import Node

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """How a person signed in; the age counts from when the question is asked."""

    sign_in: SignIn
    age: int | None = None


UNTOLD = SignedIn(SignIn())
"""Nothing is known of the sign-in."""


def read_person(fields: Fields) -> Person:
    """One person. A key that is left out is unknown, and an empty list is none."""
    provider = fields.required("provider", scalars.name, "")

    def unqualified(node: Node) -> str:
        value = scalars.text(node)
        if value.startswith(f"{provider}:"):
            raise Wrong(f'write "{value.removeprefix(f"{provider}:")}"; the provider is said already')
        return value

    person = Person(
        provider=provider,
        sub=fields.optional("sub", unqualified, None),
        groups=listed(fields, "groups", unqualified),
        roles=listed(fields, "roles", unqualified),
        claims={
            name: frozenset(_values(fields, node, f"{fields.label}.claims.{name}"))
            for name, node in fields.mapping("claims").items()
        },
        email=fields.optional("email", _address_of_mail, None),
        tenant=fields.optional("tenant", scalars.tenant, None),
    )
    fields.close()
    return person


def read_signed_in(fields: Fields) -> SignedIn:
    """`acr`, `amr` and `age`."""
    amr = listed(fields, "amr", scalars.text)
    acr = fields.optional("acr", scalars.text, None)
    found = SignedIn(SignIn(acr, None if amr is None else tuple(sorted(amr))), fields.optional("age", _age, None))
    fields.close()
    return found


def listed(fields: Fields, key: str, read: Callable[[Node], T]) -> frozenset[T] | None:
    """A list that may be empty; None where the key is left out."""
    if fields.node.at(key).value == []:
        return fields.optional(key, lambda _: frozenset(), frozenset())
    found = frozenset(fields.each(key, read, required=False))
    return found if key in fields else None


def address(node: Node) -> str:
    value = scalars.text(node)
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise Wrong(f'"{value}" is not an IP address') from None


def _values(fields: Fields, node: Node, label: str) -> tuple[str, ...]:
    """The values of a claim: a text, a list of texts, or none."""
    if node.value == []:
        return ()
    if isinstance(node.value, list):
        return fields.items_of(node, label, scalars.text)
    value = fields.value_of(node, label, scalars.text, "")
    return (value,)


def _address_of_mail(node: Node) -> str:
    value = scalars.text(node)
    local, _, domain = value.rpartition("@")
    if not local or not domain:
        raise Wrong(f'"{value}" is not an address')
    return value


def _age(node: Node) -> int:
    return 0 if node.value == "0s" else scalars.seconds(node)
