"""Which authentication context classes each issuer of ours may ask a sign-in for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.reading.declared import sound
from grantd_server.policy.clauses.sign_in import Acr

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from grantd_server.governance.reading.declared import Bundle, Rules
    from grantd_server.model.bundle.governed import Resource


def acr_values(bundle: Bundle, resources: Mapping[str, Resource]) -> dict[str, tuple[str, ...]]:
    """By issuer identifier, sorted: what its rules and the scopes of its resources ask
    for (RFC 9470 section 7). Issuers without step-up are left out."""
    found = {
        issuer.issuer: _asked(bundle.grants.get(issuer.name), resources.values())
        for issuer, _ in sound(bundle.grant_issuers)
    }
    for server, _ in sound(bundle.authorization_servers):
        if not server.foreign:
            governed = [resource for resource in resources.values() if resource.authorization_server == server.name]
            found[server.issuer] = _asked(bundle.redemptions.get(server.name), governed)
    return {issuer: values for issuer, values in found.items() if values}


def _asked(rules: Rules | None, resources: Iterable[Resource]) -> tuple[str, ...]:
    values = {value for resource in resources for demand in resource.sign_in.values() for value in demand.acr}
    for text, _ in rules.sound() if rules is not None else ():
        # A deny that reads the class asks nobody to sign in again.
        if not text.deny and not text.shadow:
            values |= {value for clause in text.clauses if isinstance(clause, Acr) for value in clause.values}
    return tuple(sorted(values))
