"""Checks what a client may be at each place: grant issuers and servers differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantd_server.checks import GRANT_TYPE_JWT_BEARER, GRANT_TYPE_REFRESH_TOKEN, GRANT_TYPE_TOKEN_EXCHANGE
from grantd_server.governance.reading.declared import sound

if TYPE_CHECKING:
    from grantd_server.governance.faults import Faults
    from grantd_server.governance.reading.declared import At, Bundle


def check_clients(bundle: Bundle, faults: Faults) -> None:
    """Checks every registration of every client."""
    for client, declared in sound(bundle.clients):
        for at in client.at:
            label = f"{declared.label}.at.{at.place}"
            if at.name in bundle.grant_issuers:
                _check_at_issuer(bundle, at, label, faults)
            elif at.name in bundle.authorization_servers:
                _check_at_server(bundle, at, label, faults)
            else:
                faults.at_key(at.node, label, f'there is no grant issuer and no authorization server "{at.name}"')


def _check_at_issuer(bundle: Bundle, at: At, label: str, faults: Faults) -> None:
    issuer = bundle.grant_issuers[at.name].value
    if at.grant_types - {GRANT_TYPE_TOKEN_EXCHANGE, GRANT_TYPE_REFRESH_TOKEN}:
        sentence = "a grant issuer offers token-exchange and refresh-token, and nothing else"
        faults.add(at.node.at("grant_types"), label, sentence)
    if GRANT_TYPE_REFRESH_TOKEN in at.grant_types and issuer is not None and issuer.refresh_tokens is None:
        sentence = f"{at.name} has no refresh tokens; declare refresh_tokens there"
        faults.add(at.node.at("grant_types"), label, sentence)
    if at.reuse_limit is not None:
        faults.add(
            at.node.at("reuse_limit"), label, "grants are redeemed at authorization servers; say reuse_limit there"
        )
    if not at.sso:
        sentence = (
            'the key "sso" is missing: the ids of this client at each identity provider, which its ID tokens name'
        )
        faults.add(at.node, label, sentence)
    _check_dpop(at, label, faults, off=issuer is not None and issuer.dpop is None)
    known = set() if issuer is None else set(issuer.identity_providers)
    for provider in at.sso:
        if issuer is not None and provider not in known:
            node = at.node.at("sso", provider)
            faults.at_key(node, label, f"{provider} is not an identity provider of {at.name}")
    for place, provider in enumerate(at.identity_providers or ()):
        if provider not in at.sso:
            node = at.node.at("identity_providers", place)
            faults.add(node, label, f"the client has no sso id at {provider}, so it cannot use it")


def _check_at_server(bundle: Bundle, at: At, label: str, faults: Faults) -> None:
    server = bundle.authorization_servers[at.name].value
    _check_dpop(at, label, faults, off=server is not None and server.dpop is None)
    if at.grant_types - {GRANT_TYPE_JWT_BEARER}:
        faults.add(at.node.at("grant_types"), label, "an authorization server offers jwt-bearer and nothing else")
    for key, present in (("sso", bool(at.sso)), ("identity_providers", at.identity_providers is not None)):
        if present:
            faults.at_key(at.node.at(key), label, f"{key} belongs to grant issuers; nobody signs in at {at.name}")


def _check_dpop(at: At, label: str, faults: Faults, *, off: bool) -> None:
    """A client that may do nothing without a proof, where no proof is taken."""
    if at.dpop_bound and off:
        sentence = f"dpop is off at {at.name}, so that this client could never be served"
        faults.add(at.node.at("dpop_bound_access_tokens"), label, sentence)
