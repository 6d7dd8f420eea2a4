"""Random companies: parties that are always the same, and rules drawn from a generator."""

from __future__ import annotations

import hashlib
import random
from typing import Any

from policy_rules import BOTH, CONDITIONS, SUBJECTS

NOW = 1_795_291_200
HOME, TOOLS, ABROAD = "https://home.example", "https://tools.example", "https://abroad.example"
RESOURCES = {
    "ledger": ["ledger.read", "ledger.write", "shared.read"],
    "wiki": ["wiki.read", "shared.read"],
    "mcp-1": ["shared.read", "mcp.use"],
    "far": ["far.read"],
}
CLIENTS = ["desk", "robot", "agent-1"]
TENANTS = ["north", "south"]
USERS = [f"u-{number}" for number in range(60)]
GROUPS = ["eng", "fin", "ops", "staff"]
TYPE, OTHER_TYPE = "https://ledger.example/transfer", "https://wiki.example/page"


def seeded(seed: str) -> random.Random:
    """A generator that draws the same in every process."""
    return random.Random(seed)  # noqa: S311 - what happens in a made-up company is no secret


def uri(resource: str) -> str:
    return f"https://{resource}.example/mcp"


def document(chance: random.Random, rules: int = 12, *, tenants: bool = False) -> dict[str, Any]:
    """A company with random rules on both legs; with two customers where `tenants` says so."""
    content = _document(chance, rules)
    return _divided(chance, content) if tenants else content


def _divided(chance: random.Random, content: dict[str, Any]) -> dict[str, Any]:
    """Two tenants at the issuer and two at the server: one of the providers has the people
    of both, and partners come to the second only."""
    content["identity_providers"]["corp"]["tenant"] = {"claim": "tid"}
    content["identity_providers"]["guest"]["tenant"] = "south"
    content["grant_issuers"]["home"]["tenants"] = list(TENANTS)
    content["authorization_servers"]["tools"]["tenants"] = {
        "acme": ["home/north"],
        "globex": ["home/south", "partner"],
    }
    for name, client in content["clients"].items():
        at = client["at"].pop("tools")
        for tenant in ("acme", "globex"):
            other = hashlib.sha256(f"{name} {tenant}".encode()).hexdigest()
            proof = [{"secret": {"sha256": other}}]
            client["at"][f"tools/{tenant}"] = {**at, "client_id": f"{name}@{tenant}", "authentication": proof}
    for leg, rules, mine in (("grants", "home", "north"), ("redemptions", "tools", "south")):
        for rule in content[leg][rules]:
            if chance.random() < 0.2:
                rule["require"] = {**rule.get("require", {}), "tenants": [mine]}
    return content


def _document(chance: random.Random, rules: int) -> dict[str, Any]:
    provider = {
        "keys": {"discovery": True}, "algorithms": ["ES256"], "subject": "qualified", "groups_claim": "groups",
        "roles_claim": "roles", "claims": ["department"], "email_domains": ["corp.example"],
    }  # fmt: skip
    trust = {"resources": ["ledger", "wiki", "mcp-1"], "subject": "passthrough"}
    return {
        "identity_providers": {
            "corp": {"issuer": "https://login.corp.example", **provider},
            "guest": {"issuer": "https://login.guest.example", **provider},
        },
        "grant_issuers": {"home": {"issuer": HOME, "trust_domain": "home", "identity_providers": ["corp", "guest"]}},
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
                "issuer": TOOLS,
                "trust_domain": "tools",
                "trusts": {"home": trust, "partner": trust},
                "default_scopes": {"ledger": ["ledger.read"]},
            },
            "abroad": {"issuer": ABROAD, "trust_domain": "abroad", "foreign": True},
        },
        "resources": {
            name: {
                "uri": uri(name),
                "authorization_server": "abroad" if name == "far" else "tools",
                "scopes": scopes,
                "default_scopes": scopes[:1],
                **({"sign_in": {"ledger.write": {"acr": ["mfa"]}}} if name == "ledger" else {}),
            }
            for name, scopes in RESOURCES.items()
        },
        "detail_types": {
            name: {
                "type": kind,
                "resource": resource,
                "scope": scope,
                "schema": {
                    "type": "object",
                    "properties": {"type": {"const": kind}, "name": {"enum": ["a", "b"]}, "count": {"type": "integer"}},
                    "additionalProperties": False,
                },
            }
            for name, kind, resource, scope in (
                ("transfers", TYPE, "ledger", "ledger.read"),
                ("pages", OTHER_TYPE, "wiki", "wiki.read"),
            )
        },
        "clients": {name: {"at": _places(name)} for name in CLIENTS},
        "grants": {"home": [grant_rule(chance, number) for number in range(rules)]},
        "redemptions": {"tools": [redemption_rule(chance, number) for number in range(max(2, rules // 3))]},
    }


def _places(name: str) -> dict[str, Any]:
    def at(issuer: str, grant_type: str) -> dict[str, Any]:
        proof = [{"secret": {"sha256": hashlib.sha256(f"{name} {issuer}".encode()).hexdigest()}}]
        return {"client_id": f"{name}@{issuer}", "authentication": proof, "grant_types": [grant_type]}

    places = {"home": {**at("home", "token-exchange"), "sso": {"corp": [name]}}, "tools": at("tools", "jwt-bearer")}
    # One client is not known abroad: its decisions end before policy.
    return places if name == "robot" else {**places, "abroad": {"client_id": f"{name}@abroad"}}


def grant_rule(chance: random.Random, number: int) -> dict[str, Any]:
    deny = chance.random() < 0.25
    subjects = chance.choice(SUBJECTS if deny else SUBJECTS + BOTH)
    if chance.random() < 0.4:
        subjects = {"groups": chance.sample([f"corp:{group}" for group in GROUPS], chance.choice([1, 2]))}
    elif chance.random() < 0.3:
        subjects = {"users": [f"corp:{user}" for user in chance.sample(USERS, 8)]}
    return {**_rule(chance, f"grant-{number}", deny), "subjects": subjects, **_require(chance, CONDITIONS)}


def redemption_rule(chance: random.Random, number: int) -> dict[str, Any]:
    deny = number > 1 and chance.random() < 0.3
    issuers = chance.choice([["*"], ["home"], ["home", "partner"]])
    return {**_rule(chance, f"redeem-{number}", deny), "issuers": issuers, **_require(chance, [{"acr": ["mfa"]}])}


def _rule(chance: random.Random, name: str, deny: bool) -> dict[str, Any]:
    resources = chance.choice([["*"], ["ledger"], ["ledger", "wiki"], ["wiki"], ["ledger", "mcp-1"]])
    rule: dict[str, Any] = {
        "id": name,
        "effect": "deny" if deny else "allow",
        "clients": chance.choice([["*"], ["desk"], ["desk", "robot"], ["agent-*"]]),
        "resources": resources,
        "scopes": chance.choice([["*"], ["*"], ["*.read", "shared.read"], ["*.read"]]),
    }
    if chance.random() < 0.15:
        rule["shadow"] = True
    if chance.random() < 0.15:
        rule["expires"] = "2026-11-21T20:00:00Z"
    if not deny and resources[0] in {"*", "ledger"} and chance.random() < 0.5:
        rule["details"] = {"transfers": chance.choice([{}, {"name": ["a"]}, {"name": ["*"], "count": ["1*"]}])}
    return rule


def _require(chance: random.Random, conditions: list[dict[str, Any]]) -> dict[str, Any]:
    return {"require": chance.choice(conditions)} if chance.random() < 0.35 else {}
