"""A small world for policy tests: rules as an administrator writes them, compiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

from grantd_server.governance.checking.validation import validate
from grantd_server.governance.compiling import rules as compile_rules
from grantd_server.governance.faults import Faults
from grantd_server.governance.reading import sections
from grantd_server.governance.reading.declared import Bundle, Rules, RuleText
from grantd_server.governance.reading.rules.texts import read_grant_rule, read_redemption_rule
from grantd_server.governance.reading.texts.fields import Fields
from grantd_server.governance.reading.texts.nodes import nodes_of
from grantd_server.model.bundle.governed import Resource
from grantd_server.model.bundle.rules import UNKNOWN, Attribute, GrantInputs, RedemptionInputs, SignIn
from grantd_server.policy import GrantRules, RedemptionRules

NOW = 1_795_291_200
"""Saturday, 21 November 2026, 20:00 UTC."""
RESOURCES = {
    "ledger": ["ledger.read", "ledger.write"],
    "wiki": ["wiki.read", "shared.read"],
    **{f"mcp-{n}": ["shared.read", "mcp.use"] for n in range(4)},
}
"""More than the index files one by one, as are the clients."""
CLIENTS = ("desk", "robot", *(f"agent-{n}" for n in range(8)))


@cache
def _parties() -> Bundle:
    """Everything but rules, validated once: Hypothesis changes the rules only."""
    provider = {
        "keys": {"discovery": True},
        "algorithms": ["ES256"],
        "subject": "qualified",
        "groups_claim": "groups",
        "roles_claim": "roles",
        "claims": ["department"],
        "email_domains": ["corp.example"],
    }
    trust = {"resources": list(RESOURCES), "subject": "passthrough"}
    foreign = {"keys": {"discovery": True}, "algorithms": ["ES256"]}
    content = {
        "identity_providers": {
            "corp": {"issuer": "https://login.corp.example", **provider},
            "guest": {"issuer": "https://login.guest.example", **provider},
        },
        "grant_issuers": {
            "home": {"issuer": "https://home.example", "trust_domain": "home", "identity_providers": ["corp", "guest"]}
        },
        "trusted_issuers": {"partner": {"issuer": "https://partner.example", "trust_domain": "partner", **foreign}},
        "authorization_servers": {
            "tools": {
                "issuer": "https://tools.example",
                "trust_domain": "tools",
                "trusts": {"home": trust, "partner": trust},
            }
        },
        "resources": {
            name: {"uri": f"https://{name}.example/mcp", "authorization_server": "tools", "scopes": scopes}
            for name, scopes in RESOURCES.items()
        },
        "clients": {name: {"at": _at(name)} for name in CLIENTS},
    }
    faults = Faults()
    bundle = sections.read_bundle(nodes_of(content, "test"), faults)
    validate(bundle, faults)
    faults.raise_if_any()
    return bundle


def grant_rules(*rules: dict[str, Any]) -> GrantRules:
    bundle = replace(_parties(), grants=_read({"home": list(rules)}, "grants", read_grant_rule))
    return compile_rules.grant_rules(bundle, _resources(bundle))["home"]


def redemption_rules(*rules: dict[str, Any]) -> RedemptionRules:
    bundle = replace(_parties(), redemptions=_read({"tools": list(rules)}, "redemptions", read_redemption_rule))
    return compile_rules.redemption_rules(bundle, _resources(bundle))["tools"]


def _read(lists: dict[str, Any], section: str, read: Callable[[Fields], RuleText]) -> dict[str, Rules]:
    faults = Faults()
    found = sections._rules(nodes_of(lists, "test"), section, read, faults)
    faults.raise_if_any()
    return found


def _resources(bundle: Bundle) -> dict[str, Resource]:
    return {name: declared.value for name, declared in bundle.resources.items() if declared.value is not None}


def rule(name: str, effect: str = "allow", **changed: Any) -> dict[str, Any]:
    """A grant rule: everyone, the desk client, reading the ledger; `None` leaves out."""
    whole = {
        "id": name,
        "effect": effect,
        "subjects": "everyone",
        "clients": ["desk"],
        "resources": ["ledger"],
        "scopes": ["ledger.read"],
        **changed,
    }
    return {key: value for key, value in whole.items() if value is not None}


def redemption(name: str, effect: str = "allow", **changed: Any) -> dict[str, Any]:
    return rule(name, effect, **{"subjects": None, "issuers": ["home"], **changed})


def known(*values: str) -> Attribute:
    return Attribute.of(frozenset(values))


def asking(**changed: Any) -> GrantInputs:
    """Somebody of `corp` in the group eng asks to read the ledger with the desk client."""
    whole = {
        "identity_provider": "corp",
        "users": known("corp:u-1"),
        "groups": known("corp:eng"),
        "roles": UNKNOWN,
        "claims": {"department": known("finance")},
        "client": "desk",
        "resource": "ledger",
        "scopes": ("ledger.read",),
        "sign_in": SignIn(acr="pwd", amr=("pwd",), auth_time=NOW - 3600),
        "address": "192.0.2.7",
        "now": NOW,
        **changed,
    }
    return GrantInputs(**whole)


def redeeming(**changed: Any) -> RedemptionInputs:
    whole = {
        "issuer": "home",
        "client": "desk",
        "resource": "ledger",
        "scopes": ("ledger.read",),
        "sign_in": SignIn(acr="pwd"),
        "tenant": None,
        "now": NOW,
        **changed,
    }
    return RedemptionInputs(**whole)


def _at(name: str) -> dict[str, Any]:
    return {
        "home": {
            "client_id": name,
            "authentication": [{"secret": {"env": f"HOME_{name.replace('-', '_')}"}}],
            "grant_types": ["token-exchange"],
            "sso": {"corp": [name]},
        }
    }
