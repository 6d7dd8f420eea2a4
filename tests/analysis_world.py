"""Bundles for tests of what rules grant: three clients and three resources that both legs
know, two identity providers, a server of our own and one of somebody else."""

from __future__ import annotations

from typing import Any

from grantd_server.governance.asking.offline import snapshot_of
from grantd_server.governance.document import canonical
from grantd_server.governance.snapshot import Snapshot
from policy_world import NOW, RESOURCES

CLIENTS = ("desk", "robot", "agent-1")
HONOUR = {
    "id": "honour",
    "effect": "allow",
    "issuers": ["*"],
    "clients": ["*"],
    "resources": ["*"],
    "scopes": ["*"],
}
PLACES = ("ledger", "wiki", "mcp-1")


def content(
    grants: list[dict[str, Any]], redemptions: list[dict[str, Any]] | None = None, **changed: Any
) -> dict[str, Any]:
    """A bundle with these rules; without redemption rules, one that honours everything."""
    provider = {
        "keys": {"discovery": True},
        "algorithms": ["ES256"],
        "subject": "qualified",
        "groups_claim": "groups",
        "roles_claim": "roles",
        "claims": ["department"],
        "email_domains": ["corp.example"],
    }
    trust = {"resources": list(PLACES), "subject": "passthrough"}
    whole = {
        "identity_providers": {
            "corp": {"issuer": "https://login.corp.example", **provider},
            "guest": {"issuer": "https://login.guest.example", **provider},
        },
        "grant_issuers": {
            "home": {"issuer": "https://home.example", "trust_domain": "home", "identity_providers": ["corp", "guest"]}
        },
        "trusted_issuers": {
            "partner": {
                "issuer": "https://partner.example",
                "trust_domain": "partner",
                "keys": {"discovery": True},
                "algorithms": ["ES256"],
            }
        },
        "authorization_servers": {
            "tools": {
                "issuer": "https://tools.example",
                "trust_domain": "tools",
                "trusts": {"home": trust, "partner": trust},
            },
            "abroad": {"issuer": "https://abroad.example", "trust_domain": "abroad", "foreign": True},
        },
        "resources": {
            **{
                name: {"uri": f"https://{name}.example/mcp", "authorization_server": "tools", "scopes": RESOURCES[name]}
                for name in PLACES
            },
            "files": {
                "uri": "https://files.abroad.example",
                "authorization_server": "abroad",
                "scopes": ["files:read", "files:write"],
            },
        },
        "clients": {name: {"at": _at(name)} for name in CLIENTS},
        "grants": {"home": grants},
        "redemptions": {"tools": [HONOUR] if redemptions is None else redemptions},
        **changed,
    }
    return {section: below for section, below in whole.items() if below}


def world(grants: list[dict[str, Any]], redemptions: list[dict[str, Any]] | None = None, **changed: Any) -> Snapshot:
    return snapshot_of(canonical(content(grants, redemptions, **changed)))


def _at(name: str) -> dict[str, Any]:
    secret = name.replace("-", "_")
    found: dict[str, Any] = {
        "home": {
            "client_id": name,
            "authentication": [{"secret": {"env": f"HOME_{secret}"}}],
            "grant_types": ["token-exchange"],
            "sso": {"corp": [name], "guest": [name]},
        },
        "tools": {
            "client_id": f"{name}-at-tools",
            "authentication": [{"secret": {"env": f"TOOLS_{secret}"}}],
            "grant_types": ["jwt-bearer"],
        },
    }
    return found | ({"abroad": {"client_id": f"{name}-abroad"}} if name == "desk" else {})


__all__ = ["CLIENTS", "HONOUR", "NOW", "PLACES", "content", "world"]
