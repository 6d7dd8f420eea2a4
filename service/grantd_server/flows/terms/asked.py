"""What a call asked for, on record beside what policy read: with it a decision that never
came to policy can be made again under another bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from grantd_server.checks import LONGEST_SCOPE
from grantd_server.model.bundle.details import recorded_fields, types_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from grantd_server.audit.record import Record
    from grantd_server.flows.road.possession import Possession
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.grants.grant import Grant
    from grantd_server.model.bundle.details import Detail
    from grantd_server.model.requests import Exchange, Redeem

MOST: Final = 16
"""Identifiers of one list, as many as a request may name."""
LONGEST: Final = 512
"""Characters of one identifier. No registered one comes near: hostile input stays bounded."""


def note_exchange(record: Record, request: Exchange, possession: Possession | None) -> None:
    """Leg 1: the request's audience, resources and scopes, in its own spelling."""
    if not _short(request.audience, request.resource, request.scope):
        record.asked = {"cut": True}
        return
    record.asked = _known(
        audience=list(request.audience),
        resource=list(request.resource),
        scope=request.scope,
        details=request.authorization_details is not None or None,
        proof=possession is not None or None,
    )


def note_redemption(record: Record, request: Redeem, grant: Grant, possession: Possession | None) -> None:
    """Leg 2: what the grant is for, and what the request narrows it to."""
    scope = None if grant.scopes is None else " ".join(grant.scopes)
    if not _short((), grant.resources, scope) or not _short((), request.resource, request.scope):
        record.asked = {"cut": True}
        return
    narrowed = _known(
        resource=list(request.resource) or None,
        scope=request.scope,
        details=request.authorization_details is not None or None,
    )
    record.asked = _known(
        iss=grant.issuer.issuer,
        resource=list(grant.resources),
        scope=scope,
        aud_tenant=grant.aud_tenant,
        bound=grant.jkt is not None or None,
        details=grant.raw_details is not None or None,
        proof=possession is not None or None,
        narrowed=narrowed or None,
    )


def note_types(record: Record, snapshot: Snapshot, server: str) -> None:
    """Before details are read: what they are read by. It stays where they cannot be."""
    record.asked = {**record.asked, "details": types_digest(snapshot.detail_types, server)}


def note_details(
    record: Record,
    details: Sequence[Detail],
    fields: Mapping[str, frozenset[str]],
    wanted: Callable[[Detail], bool] = lambda _: True,
) -> None:
    """The objects of authorization details: of their values only what a rule of this
    bundle names (`fields`, by type), because the others are nobody's business here."""
    noted = []
    for detail in details:
        kind = detail.kind
        one = {
            "type": kind.type,
            "schema": kind.schema_digest,
            "fields": recorded_fields(detail.value, fields.get(kind.name, frozenset())),
        }
        noted.append(one if wanted(detail) else {**one, "wanted": False})
    record.asked = {**record.asked, "details": noted}


def _known(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _short(audience: Sequence[str], resources: Sequence[str], scope: str | None) -> bool:
    lists = len(audience) <= MOST and len(resources) <= MOST
    return lists and len(scope or "") <= LONGEST_SCOPE and all(len(one) <= LONGEST for one in (*audience, *resources))
