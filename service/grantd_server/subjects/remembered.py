"""A sign-in as it is kept behind a refresh token, and back.

Only what policy, blocks and grants read is kept; the tokens of the provider are not.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from grantd_server.audit.canonical import canonical
from grantd_server.model.bundle.rules import Attribute, SignIn, State
from grantd_server.subjects.identity import Identity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.model.bundle.governed import IdentityProvider

FORMAT = 1
"""Version of what is kept. Keys are only ever added."""


class Outdated(Exception):
    """The provider is gone, or is declared otherwise than at the sign-in."""


def remember(identity: Identity) -> bytes:
    """The sign-in as canonical JSON."""
    event = identity.sign_in
    return canonical(
        {
            "v": FORMAT,
            **_declaration(identity.provider, saml=identity.sub_id is not None),
            "upstream_sub": identity.upstream_sub,
            "sub": identity.sub,
            "users": _write(identity.users),
            "groups": _write(identity.groups),
            "roles": _write(identity.roles),
            "claims": {name: _write(found) for name, found in identity.claims.items()},
            "acr": event.acr,
            "amr": None if event.amr is None else list(event.amr),
            "auth_time": event.auth_time,
            "tenant": identity.tenant,
            "accounts": dict(identity.accounts),
            "sub_id": None if identity.sub_id is None else dict(identity.sub_id),
        }
    )


def recall(plain: bytes, providers: Mapping[str, IdentityProvider]) -> Identity:
    """Reads what `remember` wrote.

    The subject was mapped by the declaration of its day. Where that has changed, the
    same person would now be another subject, so that the old one is not used on (A-40).

    Raises:
        Outdated: the provider is not declared any more, or not in the same way.
    """
    kept = json.loads(plain)
    provider, sub_id = providers.get(kept["provider"]), kept.get("sub_id")
    if provider is None:
        raise Outdated
    declared = _declaration(provider, saml=sub_id is not None)
    if any(kept[name] != value for name, value in declared.items()):
        raise Outdated
    amr = kept["amr"]
    return Identity(
        provider=provider,
        upstream_sub=kept["upstream_sub"],
        sub=kept["sub"],
        users=_read(kept["users"]),
        groups=_read(kept["groups"]),
        roles=_read(kept["roles"]),
        claims={name: _read(found) for name, found in kept["claims"].items()},
        sign_in=SignIn(kept["acr"], None if amr is None else tuple(amr), kept["auth_time"]),
        tenant=kept["tenant"],
        accounts=kept["accounts"],
        sub_id=sub_id,
    )


def _declaration(provider: IdentityProvider, *, saml: bool) -> dict[str, str | None]:
    """Of the protocol that the person signed in with."""
    issuer, mapping = provider.issuer, provider.subject
    if saml:
        if provider.saml is None:
            raise Outdated
        issuer, mapping = provider.saml.entity_id, provider.saml.subject
    return {
        "provider": provider.name,
        "issuer": issuer,
        "subject_rule": mapping.rule.value,
        "subject_claim": mapping.claim,
    }


def _write(found: Attribute) -> dict[str, Any]:
    return {"state": found.state.value, "values": sorted(found.values)}


def _read(kept: dict[str, Any]) -> Attribute:
    return Attribute(State(kept["state"]), frozenset(kept["values"]))
