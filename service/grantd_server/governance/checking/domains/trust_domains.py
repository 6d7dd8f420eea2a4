"""Keeps trust domains apart.

"The IdP MUST NOT issue access tokens in response to an ID-JAG it issued itself"
(draft-ietf-oauth-identity-assertion-authz-grant-03 section 8.3): a grant issuer and a
server that redeems its grants are in different domains, and two domains never share an
issuer, a key or people. Credentials: shared_credentials.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.governance.reading.declared import sound
from grantd_server.governance.reading.parties.key_sources import thumbprints
from grantd_server.governance.reading.parties.saml_sign_on import fingerprint

if TYPE_CHECKING:
    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.declared import Bundle
    from grantd_server.governance.reading.texts.nodes import Node
    from grantd_server.model.bundle.governed import KeySource
    from grantd_server.model.bundle.saml import SamlSignOn


def check_trust_domains(bundle: Bundle, faults: Faults) -> None:
    """Checks trust between domains and that nothing is in two of them."""
    domains = _Domains(faults)
    _check_trusts(bundle, faults)
    for issuer, declared in sound(bundle.grant_issuers):
        domains.claim("the issuer", issuer.issuer, issuer.trust_domain, declared.node.at("issuer"), declared.label)
    for server, placed in sound(bundle.authorization_servers):
        domains.claim("the issuer", server.issuer, server.trust_domain, placed.node.at("issuer"), placed.label)
    for foreign, trusted in sound(bundle.trusted_issuers):
        domains.claim("the issuer", foreign.issuer, foreign.trust_domain, trusted.node.at("issuer"), trusted.label)
        domains.claim_keys(foreign.keys, foreign.trust_domain, trusted.node.at("keys"), trusted.label)
    _check_providers(bundle, domains, faults)


class _Domains:
    """Which domain holds what; the second domain to claim a thing is told."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._holder: dict[tuple[str, str], tuple[str, str]] = {}

    def claim(self, kind: str, value: str, domain: str, node: Node, label: str) -> None:
        """Notes that a domain has something."""
        first_domain, first_label = self._holder.setdefault((kind, value), (domain, label))
        if first_domain != domain:
            sentence = (
                f"the trust domains {first_domain} and {domain} share {kind} {value}, which {first_label} has already"
            )
            self._faults.add(node, label, sentence)

    def claim_keys(self, keys: KeySource, domain: str, node: Node, label: str) -> None:
        """Notes that a domain signs with keys: inline by thumbprint, else by address."""
        if keys.jwks_uri is not None:
            self.claim("the jwks_uri", keys.jwks_uri, domain, node, label)
        for thumbprint in thumbprints(keys):
            self.claim("the key", thumbprint, domain, node, label)

    def claim_saml(self, saml: SamlSignOn, domain: str, node: Node, label: str) -> None:
        """Notes that a domain has an entity id, and the pinned keys behind it."""
        self.claim("the entity id", saml.entity_id, domain, node.at("entity_id"), label)
        for place, certificate in enumerate(saml.certificates):
            self.claim("the key", fingerprint(certificate), domain, node.at("certificates", place), label)


def _check_trusts(bundle: Bundle, faults: Faults) -> None:
    for server, declared in sound(bundle.authorization_servers):
        for trust in server.trusts:
            issuer = bundle.grant_issuers.get(trust.name) or bundle.trusted_issuers.get(trust.name)
            if issuer is None or issuer.value is None or issuer.value.trust_domain != server.trust_domain:
                continue
            sentence = f"{trust.name} and {server.name} are both in the trust domain {server.trust_domain}; an authorization server must not redeem grants of its own domain"
            faults.at_key(trust.node, f"{declared.label}.trusts", sentence)


def _check_providers(bundle: Bundle, domains: _Domains, faults: Faults) -> None:
    """A provider is in the domain of the grant issuers that accept its sign-ins: in two
    domains its people would be one subject namespace for both."""
    for issuer, declared in sound(bundle.grant_issuers):
        for place, name in enumerate(issuer.identity_providers):
            provider = bundle.identity_providers.get(name)
            if provider is None or provider.value is None:
                continue
            node = declared.node.at("identity_providers", place)
            before = len(faults)
            domains.claim("the subjects of", name, issuer.trust_domain, node, declared.label)
            if len(faults) == before:
                at, label = provider.node, provider.label
                domains.claim("the issuer", provider.value.issuer, issuer.trust_domain, at.at("issuer"), label)
                domains.claim_keys(provider.value.keys, issuer.trust_domain, at.at("keys"), label)
                if (saml := provider.value.saml) is not None:
                    domains.claim_saml(saml, issuer.trust_domain, at.at("saml"), f"{label}.saml")
