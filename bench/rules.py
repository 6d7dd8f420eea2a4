"""A company of any number of rules, and the questions that are asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from grantd_server.governance.compiling.compile import compile_document
from grantd_server.governance.document import canonical
from grantd_server.model.bundle.rules import UNKNOWN, Attribute, GrantInputs, SignIn

if TYPE_CHECKING:
    import random

    from grantd_server.governance.reading.declared import SecretReference
    from grantd_server.policy import GrantRules

NOW: Final = 1_795_600_000
RESOURCES: Final = [f"mcp-{number:03}" for number in range(300)]
CLIENTS: Final = [f"agent-{number:02}" for number in range(50)]
SCOPES: Final = ["read", "search", "write", "share", "admin"]
GROUPS_OF_A_PERSON: Final = 20
ISSUER: Final = "home"
CLAIM: Final = "corp:unit"

NONE: Final = Attribute.of(frozenset())

Rule = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """What every rule of a company looks like."""

    name: str
    any_resource: bool = False
    any_client: bool = False
    by_claim: bool = False
    """Rules name values of a claim instead of groups."""


SHAPES: Final = (
    Shape("one resource, one client"),
    Shape("every resource, one client", any_resource=True),
    Shape("every resource, every client", any_resource=True, any_client=True),
    Shape("the same, by a claim", any_resource=True, any_client=True, by_claim=True),
)


def groups_of(count: int) -> list[str]:
    """Five rules a group."""
    return [f"corp:group-{number:04}" for number in range(max(2, count // 5))]


def made_rules(shape: Shape, count: int, chance: random.Random) -> list[Rule]:
    """Rules of one group each: one in twenty denies, one in five wants a second factor."""
    groups = groups_of(count)
    return [_rule(shape, number, groups, chance) for number in range(count)]


def _rule(shape: Shape, number: int, groups: list[str], chance: random.Random) -> Rule:
    deny, group = chance.random() < 0.05, [chance.choice(groups)]
    return {
        "id": f"rule-{number:05}",
        "effect": "deny" if deny else "allow",
        "subjects": {"claims": {CLAIM: group}} if shape.by_claim else {"groups": group},
        "clients": ["*"] if shape.any_client else [chance.choice(CLIENTS)],
        "resources": ["*"] if shape.any_resource else [chance.choice(RESOURCES)],
        "scopes": chance.sample(SCOPES, 1 if deny else 2),
        **({"require": {"acr": ["mfa"]}} if chance.random() < 0.2 else {}),
    }


def groups_named(rule: Rule) -> list[str]:
    """The groups of a rule, or the values of the claim that stand for them."""
    subjects = rule["subjects"]
    found: list[str] = subjects["claims"][CLAIM] if "claims" in subjects else subjects["groups"]
    return found


def compiled(rules: list[Rule]) -> GrantRules:
    """The rules as the service has them in force."""
    document = canonical({**_parties(), "grants": {ISSUER: rules}})
    return compile_document(document, _no_secret, epoch=1, fingerprint_key=bytes(32)).grant_rules(ISSUER)


def _no_secret(reference: SecretReference) -> bytes:
    """Every client of the company has a digest."""
    raise AssertionError(reference)


def asked(shape: Shape, rules: list[Rule], scopes: int, count: int, chance: random.Random) -> list[GrantInputs]:
    """Questions of which half are about a rule that the person's groups meet, as most
    questions in a company are, and half about anything."""
    groups = groups_of(len(rules))
    found = []
    for number in range(count):
        rule = chance.choice(rules)
        mine = chance.sample(groups, min(GROUPS_OF_A_PERSON, len(groups) // 2))
        meant = number % 2 == 0
        mine += groups_named(rule) if meant else []
        wanted = chance.sample(SCOPES, scopes)
        if meant:
            wanted = list(dict.fromkeys([*rule["scopes"], *wanted]))[:scopes]
        found.append(
            GrantInputs(
                identity_provider="corp",
                users=Attribute.of(frozenset({f"corp:person-{number}"})),
                groups=NONE if shape.by_claim else Attribute.of(frozenset(mine)),
                roles=UNKNOWN,
                claims={"unit": Attribute.of(frozenset(mine))} if shape.by_claim else {},
                client=rule["clients"][0] if meant and not shape.any_client else chance.choice(CLIENTS),
                resource=rule["resources"][0] if meant and not shape.any_resource else chance.choice(RESOURCES),
                scopes=tuple(wanted),
                sign_in=SignIn(acr=chance.choice(["mfa", "pwd"]), amr=None, auth_time=NOW - 600),
                address="192.0.2.7",
                now=NOW,
            )
        )
    return found


def _parties() -> dict[str, Any]:
    digest = "0123456789abcdef" * 4
    return {
        "identity_providers": {
            "corp": {
                "issuer": "https://login.corp.example",
                "keys": {"discovery": True},
                "algorithms": ["ES256"],
                "subject": "passthrough",
                "groups_claim": "groups",
                "claims": ["unit"],
            }
        },
        "grant_issuers": {
            ISSUER: {"issuer": "https://home.example", "trust_domain": "home", "identity_providers": ["corp"]}
        },
        "authorization_servers": {
            "tools": {"issuer": "https://tools.example", "trust_domain": "tools", "foreign": True},
        },
        "resources": {
            name: {"uri": f"https://tools.example/{name}", "authorization_server": "tools", "scopes": SCOPES}
            for name in RESOURCES
        },
        "clients": {
            name: {
                "at": {
                    ISSUER: {
                        "client_id": name,
                        "authentication": [{"secret": {"sha256": f"{place:02x}{digest[2:]}"}}],
                        "grant_types": ["token-exchange"],
                        "sso": {"corp": [name]},
                    }
                }
            }
            for place, name in enumerate(CLIENTS)
        },
    }
