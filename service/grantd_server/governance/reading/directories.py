"""Reads directories: who is in which group, where the sign-in does not say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.faults import Wrong
from grantd_server.governance.reading.texts import scalars
from grantd_server.model.bundle.directory import Account, Directory, Missing

if TYPE_CHECKING:
    from grantd_server.governance.reading.texts.fields import Fields
    from grantd_server.governance.reading.texts.nodes import Node


def read_directory(fields: Fields, name: str) -> Directory:  # noqa: ARG001 - readers of objects have one shape
    """The people of the identity provider with this name. What somebody is who is not
    listed has no default: either answer would surprise half of all administrators."""
    missing = fields.required("missing", _missing, Missing.DISABLED)
    listed = fields.mapping("users", required=True).items()
    return Directory(missing, {user: _account(fields.below(node, f"users.{user}")) for user, node in listed})


def _account(fields: Fields) -> Account:
    account = Account(
        groups=_listed(fields, "groups"),
        roles=_listed(fields, "roles"),
        active=fields.optional("active", scalars.flag, True),
    )
    fields.close()
    return account


def _listed(fields: Fields, key: str) -> frozenset[str] | None:
    """An empty list is none, said on purpose; an absent key is not known."""
    if fields.node.at(key).value == []:
        return fields.optional(key, lambda _: frozenset(), frozenset())
    names = frozenset(fields.each(key, scalars.text, required=False))
    return names if key in fields else None


def _missing(node: Node) -> Missing:
    try:
        return Missing(node.value)
    except ValueError:
        raise Wrong('"disabled" or "unknown" is expected') from None
