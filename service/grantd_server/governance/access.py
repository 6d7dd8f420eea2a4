"""Who used what: clients at resources, beside what the bundle in force offers them."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grantd_server.governance.offering import offered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.store.questions import Use, Users

Place = tuple[str, str]
"""A client and a resource."""


@dataclass(slots=True)
class Access:
    """One client at one resource."""

    client: str
    resource: str
    users: int = 0
    """At least: whoever was seen under two pseudonym keys, or at both legs, counts once."""
    users_at_most: int = 0
    grants: int = 0
    tokens: int = 0
    last_used: int = 0
    scopes: set[str] = field(default_factory=set)
    unused_scopes: set[str] = field(default_factory=set)


def named(snapshot: Snapshot | None, uses: Iterable[Use]) -> list[tuple[str, str, str]]:
    """What the bundle calls the resources of each audience; one that it does not know any
    more keeps its identifier."""
    places = dict.fromkeys((use.audience, use.resources) for use in uses)
    return [(*place, _name(snapshot, place[0], uri)) for place in places for uri in _texts(place[1])]


def report(snapshot: Snapshot | None, uses: list[Use], users: Iterable[Users], now: int) -> list[Access]:
    """Joins what was used with what is offered, by client and resource."""
    found: dict[Place, Access] = {}
    names: dict[tuple[str, str], list[str]] = defaultdict(list)
    for audience, resources, name in named(snapshot, uses):
        names[audience, resources].append(name)
    for use in uses:
        for name in names[use.audience, use.resources]:
            _add(found.setdefault((use.client, name), Access(use.client, name)), use)
    _count(found, users)
    for (client, name), scopes in (offered(snapshot, now) if snapshot is not None else {}).items():
        access = found.setdefault((client, name), Access(client, name))
        access.unused_scopes = set(scopes) - access.scopes
    return [found[place] for place in sorted(found)]


def _add(access: Access, use: Use) -> None:
    if use.rpc == "RedeemGrant":
        access.tokens += use.times
    else:
        access.grants += use.times
    access.last_used = max(access.last_used, use.last_us // 1_000_000)
    access.scopes |= set(_texts(use.scopes))


def _count(found: Mapping[Place, Access], users: Iterable[Users]) -> None:
    """The two legs may know a person by two pseudonyms, and so do two keys: the larger
    number is certain, the sum over keys is the most that it can be."""
    legs: dict[Place, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row in users:
        legs[row.client, row.resource][row.rpc].append(row.number)
    for place, numbers in legs.items():
        if place in found:
            found[place].users = max(max(keys) for keys in numbers.values())
            found[place].users_at_most = max(sum(keys) for keys in numbers.values())


def _name(snapshot: Snapshot | None, audience: str, uri: str) -> str:
    server = snapshot.audience(audience) if snapshot is not None else None
    resource = snapshot.resource_at(server.name, uri) if snapshot is not None and server is not None else None
    return uri if resource is None else resource.name


def _texts(raw: str) -> list[str]:
    try:
        found = json.loads(raw)
    except ValueError:
        return []
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
