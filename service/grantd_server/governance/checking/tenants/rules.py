"""Checks the tenants that rules read: a tenant that nobody has is a spelling mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.reading.declared import sound
from grantd_server.policy.clauses.who import Tenants

if TYPE_CHECKING:
    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.declared import Bundle, Rules


def check_rule_tenants(bundle: Bundle, faults: Faults) -> None:
    """Each tenant of a rule is one of the issuer whose people it is about."""
    for issuer, _ in sound(bundle.grant_issuers):
        _check(bundle.grants.get(issuer.name), issuer.tenants, f"{issuer.name} has", faults)
    for server, _ in sound(bundle.authorization_servers):
        trusted = [
            bundle.grant_issuers.get(trust.name) or bundle.trusted_issuers.get(trust.name) for trust in server.trusts
        ]
        known = {tenant for issuer in trusted if issuer and issuer.value for tenant in issuer.value.tenants}
        if all(issuer is not None and issuer.value is not None for issuer in trusted):
            _check(bundle.redemptions.get(server.name), known, f"an issuer that {server.name} trusts has", faults)


def _check(rules: Rules | None, known: frozenset[str] | set[str], whose: str, faults: Faults) -> None:
    for text, declared in () if rules is None else rules.sound():
        for clause in text.clauses:
            for tenant in sorted(clause.values - known) if isinstance(clause, Tenants) else ():
                node = declared.node.at("require", "tenants")
                faults.add(node, f"{declared.label}.require.tenants", f"{tenant} is no tenant that {whose}")
