"""A small company for tests: one directory, a grant issuer, an authorization server of
another trust domain with two MCP servers, a foreign issuer and a foreign server."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import yaml

from tokens import SigningKey, signing_key

LOGIN = "https://login.corp.example"
GRANTS = "https://grants.corp.example"
SERVER = "https://as.tools.example"
OTHER_SERVER = "https://as.vault.example"
FOREIGN_SERVER = "https://as.partner.example"
PARTNER = "https://id.partner.example"
TICKETS = "https://mcp.tools.example/tickets"
WIKI = "https://mcp.tools.example/wiki"
VAULT = "https://mcp.vault.example/mcp"
PARTNER_MCP = "https://mcp.partner.example/mcp"

# Generated client secrets: one a credential, never shared between issuers.
DESK_SECRET = "desk-at-grants-3q8Zp1Vw7LkX2nRt6Yb9Qm4Jc5Hs0Ud"
TOOLS_SECRET = "desk-at-tools-8Wn2Kf5Rz1Tx7Pj3Vd6Gq9Lb4Ms0Yc+/%"
OTHER_SECRET = "other-at-tools-5Jt7Xq2Mv9Hb4Kz8Nc1Rw6Lp3Fd0Gs"
RS_SECRET = "tickets-server-1Bv6Nm3Cx8Zk4Lp7Qw2Er9Ty5Ui0Op"
WIKI_RS_SECRET = "wiki-server-6Hg3Fd8Sa1Pm5Ln9Bk4Vj7Cx2Zq0Wt"

LOGIN_KEY = signing_key("RS256", "login-1")
PARTNER_KEY = signing_key("ES256", "partner-1")
ROBOT_KEY = signing_key("ES256", "robot-grants")
ROBOT_TOOLS_KEY = signing_key("ES256", "robot-tools")
HOLDER_KEY = signing_key("ES256", "holder-1")

SERVICE_PEER = "spiffe://corp.example/backend"
TOKEN_EXCHANGE = "token-exchange"
JWT_BEARER = "jwt-bearer"


def jwks_of(*keys: SigningKey) -> dict[str, Any]:
    return {"keys": [key.jwk for key in keys]}


def sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def secret(value: str, **more: Any) -> dict[str, Any]:
    return {"secret": {"sha256": sha256(value), **more}}


def bundle() -> dict[str, Any]:
    """The whole bundle as a document, to be changed by a test before it is applied."""
    return {
        "identity_providers": {
            "corp": {
                "issuer": LOGIN,
                "keys": {"jwks": jwks_of(LOGIN_KEY)},
                "algorithms": ["RS256", "ES256"],
                "subject": "passthrough",
                "groups_claim": "groups",
                "claims": ["department"],
                "email_domains": ["corp.example"],
            }
        },
        "grant_issuers": {
            "grants": {"issuer": GRANTS, "trust_domain": "corp", "identity_providers": ["corp"]},
        },
        "trusted_issuers": {
            "partner": {
                "issuer": PARTNER,
                "trust_domain": "partner",
                "keys": {"jwks": jwks_of(PARTNER_KEY)},
                "algorithms": ["ES256"],
            }
        },
        "authorization_servers": {
            "tools": {
                "issuer": SERVER,
                "trust_domain": "tools",
                "trusts": {
                    "grants": {"resources": ["tickets", "wiki"], "subject": "passthrough"},
                    "partner": {"resources": ["tickets"], "subject": "passthrough"},
                },
            },
            "vault": {
                "issuer": OTHER_SERVER,
                "trust_domain": "vault",
                "trusts": {"grants": {"resources": ["vault"], "subject": "passthrough"}},
            },
            "abroad": {"issuer": FOREIGN_SERVER, "trust_domain": "abroad", "foreign": True},
        },
        "resources": {
            "tickets": {
                "uri": TICKETS,
                "authorization_server": "tools",
                "scopes": ["tickets:read", "tickets:write", "shared:read"],
                "default_scopes": ["tickets:read"],
            },
            "wiki": {"uri": WIKI, "authorization_server": "tools", "scopes": ["wiki:read", "shared:read"]},
            "vault": {
                "uri": VAULT,
                "authorization_server": "vault",
                "scopes": ["vault:read"],
                "default_scopes": ["vault:read"],
            },
            "partner-mcp": {
                "uri": PARTNER_MCP,
                "authorization_server": "abroad",
                "scopes": ["files:read"],
                "default_scopes": ["files:read"],
            },
        },
        "resource_servers": {
            "tickets-server": {
                "at": "tools",
                "client_id": "rs-tickets",
                "authentication": [secret(RS_SECRET)],
                "resources": ["tickets"],
            },
            "wiki-server": {
                "at": "tools",
                "client_id": "rs-wiki",
                "authentication": [secret(WIKI_RS_SECRET)],
                "resources": ["wiki"],
            },
        },
        "clients": {
            "desk": {
                "at": {
                    "grants": {
                        "client_id": "desk-agent",
                        "authentication": [secret(DESK_SECRET)],
                        "grant_types": [TOKEN_EXCHANGE],
                        "sso": {"corp": ["desk-sso"]},
                    },
                    "tools": {
                        "client_id": "cli_desk",
                        "authentication": [secret(TOOLS_SECRET)],
                        "grant_types": [JWT_BEARER],
                    },
                    "abroad": {"client_id": "desk@abroad"},
                }
            },
            "other": {
                "at": {
                    "tools": {
                        "client_id": "cli_other",
                        "authentication": [secret(OTHER_SECRET)],
                        "grant_types": [JWT_BEARER],
                    },
                }
            },
            "robot": {
                "at": {
                    "grants": {
                        "client_id": "robot",
                        "authentication": [
                            {"private_key_jwt": {"jwks": jwks_of(ROBOT_KEY), "algorithms": ["ES256"]}},
                            {"peer": SERVICE_PEER},
                        ],
                        "grant_types": [TOKEN_EXCHANGE],
                        "sso": {"corp": ["robot-sso"]},
                    },
                    "tools": {
                        "client_id": "cli_robot",
                        "authentication": [
                            {"private_key_jwt": {"jwks": jwks_of(ROBOT_TOOLS_KEY), "algorithms": ["ES256"]}}
                        ],
                        "grant_types": [JWT_BEARER],
                    },
                }
            },
        },
        "grants": {
            "grants": [
                {
                    "id": "engineers-tickets",
                    "effect": "allow",
                    "subjects": {"groups": ["corp:eng"]},
                    "clients": ["desk", "robot"],
                    "resources": ["tickets", "partner-mcp"],
                    "scopes": ["tickets:read", "shared:read", "files:read"],
                },
                {
                    "id": "leads-write",
                    "effect": "allow",
                    "subjects": {"groups": ["corp:leads"]},
                    "clients": ["desk"],
                    "resources": ["tickets"],
                    "scopes": ["tickets:*"],
                    "require": {"acr": ["mfa"], "max_auth_age": "10m"},
                },
                {
                    "id": "everyone-wiki",
                    "effect": "allow",
                    "subjects": {"groups": ["corp:eng", "corp:staff"]},
                    "clients": ["desk"],
                    "resources": ["wiki"],
                    "scopes": ["wiki:read", "shared:read"],
                },
                {
                    "id": "contractors-out",
                    "effect": "deny",
                    "subjects": {"groups": ["corp:contractors"]},
                    "clients": ["*"],
                    "resources": ["tickets"],
                    "scopes": ["*"],
                },
            ]
        },
        "redemptions": {
            "tools": [
                {
                    "id": "from-grants",
                    "effect": "allow",
                    "issuers": ["grants"],
                    "clients": ["desk", "robot"],
                    "resources": ["tickets", "wiki"],
                    "scopes": ["*"],
                },
                {
                    "id": "from-partner",
                    "effect": "allow",
                    "issuers": ["partner"],
                    "clients": ["desk"],
                    "resources": ["tickets"],
                    "scopes": ["tickets:read"],
                },
            ]
        },
    }


def write(folder: Path, document: dict[str, Any]) -> Path:
    """Writes a document as a governance directory of one file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "organisation.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    return folder


def id_token(now: int, key: SigningKey = LOGIN_KEY, **changed: Any) -> str:
    """An ID token as the directory makes it; `None` leaves a claim out."""
    claims = {
        "iss": LOGIN,
        "sub": "u-18f2",
        "aud": "desk-sso",
        "iat": now - 60,
        "exp": now + 600,
        "auth_time": now - 60,
        "acr": "mfa",
        "amr": ["pwd", "otp"],
        "groups": ["eng"],
        **changed,
    }
    return key.sign({name: value for name, value in claims.items() if value is not None}, "JWT")


def partner_grant(now: int, key: SigningKey = PARTNER_KEY, typ: str = "oauth-id-jag+jwt", **changed: Any) -> str:
    """An ID-JAG of the foreign issuer, for the desk client and the tickets server."""
    claims = {
        "iss": PARTNER,
        "sub": "p-77",
        "aud": SERVER,
        "client_id": "cli_desk",
        "jti": f"jti-{now}",
        "iat": now - 1,
        "exp": now + 299,
        "resource": TICKETS,
        "scope": "tickets:read",
        **changed,
    }
    return key.sign({name: value for name, value in claims.items() if value is not None}, typ)
