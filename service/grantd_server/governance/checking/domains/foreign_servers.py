"""Checks that a foreign authorization server can verify the grants that are made for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.reading.declared import sound

if TYPE_CHECKING:
    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.declared import Bundle


def check_foreign_servers(bundle: Bundle, faults: Faults) -> None:
    """A grant in an algorithm that the server does not take would only fail there, as an
    `invalid_grant` that nobody can explain."""
    issuers = {issuer.name: issuer for issuer, _ in sound(bundle.grant_issuers)}
    places = [{at.name for at in client.at} for client, _ in sound(bundle.clients)]
    for server, declared in sound(bundle.authorization_servers):
        accepted = server.abroad.algorithms if server.abroad else None
        if accepted is None:
            continue
        asking = {name for at in places if server.name in at for name in at & issuers.keys()}
        for name in sorted(asking):
            if issuers[name].algorithm not in accepted:
                sentence = f"{name} signs grants with {issuers[name].algorithm}, which {server.name} does not accept"
                faults.add(declared.node.at("algorithms"), f"{declared.label}.algorithms", sentence)
