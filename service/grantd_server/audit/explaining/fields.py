"""Which field of an explanation each role may see: one table, denied by default.

It is applied to the value, before anything is rendered or packed, on the side that reads
the records. A field without a row is shown to nobody.
"""

from __future__ import annotations

from dataclasses import fields, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.audit.explaining.journey import Journey

T = TypeVar("T")


class Viewer(Enum):
    """Who looks at a decision."""

    ADMIN = "admin"
    AUDITOR = "auditor"
    OBSERVER = "observer"
    CLIENT = "client"
    """The developer of a client, who has the decision id of an answer and nothing else."""


_EVERYBODY: Final = frozenset(Viewer)
_INSIDE: Final = frozenset({Viewer.ADMIN, Viewer.AUDITOR, Viewer.OBSERVER})
_OVERSIGHT: Final = frozenset({Viewer.ADMIN, Viewer.AUDITOR})

# What a client's developer sees is a function of the public row alone: whatever was set
# on the way tells how far a request got, and so who is trusted and which client is known
# (draft-ietf-oauth-identity-assertion-authz-grant section 9.4).
FIELDS: Final[Mapping[str, frozenset[Viewer]]] = {
    "id": _EVERYBODY,
    "time": _EVERYBODY,
    "rpc": _EVERYBODY,
    "outcome": _EVERYBODY,
    "told": _EVERYBODY,
    "sentence": _EVERYBODY,
    "advice": _EVERYBODY,
    "reason": _INSIDE,
    "remedy": _INSIDE,
    "whose": _INSIDE,
    "transport": _INSIDE,
    "role": _INSIDE,
    "issuer": _INSIDE,
    "client": _INSIDE,
    "client_id": _INSIDE,
    "client_method": _INSIDE,
    "audience": _INSIDE,
    "resources": _INSIDE,
    "scopes_asked": _INSIDE,
    "scopes_granted": _INSIDE,
    "bundle_version": _INSIDE,
    "bundle_epoch": _INSIDE,
    "chain": _INSIDE,
    "expires": _INSIDE,
    "trace_id": _INSIDE,
    "error_id": _INSIDE,
    "used_by": _INSIDE,
    "rules": _INSIDE,
    "refused_scopes": _INSIDE,
    "shadow": _INSIDE,
    "checks": _INSIDE,
    "checks.step": _INSIDE,
    "checks.name": _INSIDE,
    "checks.ok": _INSIDE,
    "near_misses": _INSIDE,
    "near_misses.rule": _INSIDE,
    "near_misses.clause": _INSIDE,
    "near_misses.failed": _INSIDE,
    "position": _INSIDE,
    "position.id": _INSIDE,
    "position.time": _INSIDE,
    "position.kind": _INSIDE,
    "position.outcome": _INSIDE,
    "introspected": _INSIDE,
    "introspected.outcome": _INSIDE,
    # Who it was, where from, and whatever may hold a claim of the person: not for observers.
    "subject": _OVERSIGHT,
    "subject_key": _OVERSIGHT,
    "tenant": _OVERSIGHT,
    "address": _OVERSIGHT,
    "caller": _OVERSIGHT,
    "client_credential": _OVERSIGHT,
    "family": _OVERSIGHT,
    "jti_hash": _OVERSIGHT,
    "token_hash": _OVERSIGHT,
    "introspected.token": _OVERSIGHT,
    "checks.expected": _OVERSIGHT,
    "checks.got": _OVERSIGHT,
    "near_misses.expected": _OVERSIGHT,
    "near_misses.got": _OVERSIGHT,
    "inputs": _OVERSIGHT,
    "facts": _OVERSIGHT,
}

CHAIN_FIELDS: Final[Mapping[str, frozenset[Viewer]]] = {
    "name": _INSIDE,
    "parent": _INSIDE,
    "kind": _INSIDE,
    "time": _INSIDE,
    "last": _INSIDE,
    "count": _INSIDE,
    "expires": _INSIDE,
    "outcome": _INSIDE,
    "asker": _INSIDE,
    "provider": _INSIDE,
    "decision": _INSIDE,  # narrowed by its own table
    "acr": _OVERSIGHT,
    "amr": _OVERSIGHT,
}
"""The same for the nodes of a chain; a client's developer sees none."""


def narrowed(value: T, viewer: Viewer, table: Mapping[str, frozenset[Viewer]] = FIELDS) -> T:
    """The value with whatever the viewer may not see left empty."""
    blank = type(value)()
    kept = {one.name: _kept(value, blank, one.name, viewer, table) for one in fields(value)}  # type: ignore[arg-type]  # a dataclass, as its callers know
    return replace(value, **kept)  # type: ignore[type-var]  # the same


def narrowed_journey(found: Journey, viewer: Viewer) -> Journey:
    """A chain as far as the viewer may see it: each node, and the decision in it."""
    if viewer is Viewer.CLIENT:
        return replace(found, nodes=(), chain="", revoked=0)
    nodes = (narrowed(node, viewer, CHAIN_FIELDS) for node in found.nodes)
    return replace(found, nodes=tuple(replace(node, decision=narrowed(node.decision, viewer)) for node in nodes))


def _kept(value: object, blank: object, name: str, viewer: Viewer, table: Mapping[str, frozenset[Viewer]]) -> object:
    if viewer not in table.get(name, frozenset()):
        return getattr(blank, name)
    kept = getattr(value, name)
    if isinstance(kept, tuple) and kept and hasattr(kept[0], "_fields"):
        return tuple(_row(row, name, viewer, table) for row in kept)
    return kept


def _row(row: Any, name: str, viewer: Viewer, table: Mapping[str, frozenset[Viewer]]) -> Any:
    hidden = [part for part in row._fields if viewer not in table.get(f"{name}.{part}", frozenset())]
    return row._replace(**{part: type(getattr(row, part))() for part in hidden})
