"""Presets for software of other hands: what its tokens look like, in keys of the bundle.

A preset only fills in keys that a bundle could say itself, so that each can be said
otherwise, and what is in force never depends on this table: a bundle is stored with its
presets filled in. Sources and differences are in docs/interop.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Profile:
    """The presets of one software, by the part it plays; a part it does not play is empty."""

    identity_providers: Mapping[str, Any] = field(default_factory=dict)
    trusted_issuers: Mapping[str, Any] = field(default_factory=dict)
    trusts: Mapping[str, Any] = field(default_factory=dict)
    """What a server's trust in such an issuer is filled with."""
    authorization_servers: Mapping[str, Any] = field(default_factory=dict)
    """Of a foreign one."""


_STRICT_TRUST = {"subject": "passthrough", "max_lifetime": "300s", "reuse_limit": 1, "resource_claim": "required"}

PROFILES: Mapping[str, Profile] = {
    "generic": Profile(
        identity_providers={"algorithms": ["ES256", "RS256"], "subject": "passthrough"},
        trusted_issuers={"algorithms": ["ES256", "RS256"]},
        trusts=_STRICT_TRUST,
        authorization_servers={"algorithms": ["ES256", "RS256"], "grant_lifetime": "300s"},
    ),
    "okta": Profile(
        identity_providers={"algorithms": ["RS256"], "subject": "passthrough", "groups_claim": "groups"},
        trusted_issuers={"algorithms": ["RS256"]},
        # `resource` is optional in its token exchange, and a grant without it is by scope only.
        trusts={**_STRICT_TRUST, "resource_claim": "optional"},
        authorization_servers={"algorithms": ["RS256"], "grant_lifetime": "300s"},
    ),
    "keycloak": Profile(
        # Its tokens of every kind say in `typ` which kind they are.
        identity_providers={
            "algorithms": ["RS256"],
            "subject": "passthrough",
            "groups_claim": "groups",
            "require_claims": {"typ": ["ID"]},
        },
        authorization_servers={"algorithms": ["ES256", "RS256"], "grant_lifetime": "300s"},
    ),
    "entra": Profile(
        # `sub` differs by application there, `oid` is the person in the whole directory.
        identity_providers={
            "algorithms": ["RS256"],
            "subject": {"claim": "oid"},
            "groups_claim": "groups",
            "roles_claim": "roles",
            "require_claims": {"ver": ["2.0"]},
        },
    ),
    "fastmcp": Profile(
        # It verifies one algorithm, RS256 unless told otherwise, and refuses a longer life.
        authorization_servers={"algorithms": ["RS256"], "grant_lifetime": "300s"},
    ),
}
