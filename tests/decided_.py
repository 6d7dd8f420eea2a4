"""Random companies and what happens there: records written by the code that decides.

Everything comes from a seeded generator, so that a world is made again in another process.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from grantd_server.audit.canonical import canonical
from grantd_server.audit.pseudonym import Pseudonyms
from grantd_server.audit.record import Record
from grantd_server.flows.people.tenancy import check_tenants
from grantd_server.flows.terms.asked import note_exchange, note_redemption
from grantd_server.flows.terms.entitlement import Asker, entitle
from grantd_server.flows.terms.redemption import Redemption, grant_at_server
from grantd_server.flows.terms.targets import read_target
from grantd_server.governance.compiling.compile import compile_document
from grantd_server.governance.document import canonical as canonical_document
from grantd_server.grants.grant import Grant
from grantd_server.model.requests import ClientProof, Exchange, Observed, Redeem
from grantd_server.model.rules import UNKNOWN, Attribute, SignIn
from grantd_server.refusals import Refused
from grantd_server.simulation.replay.candidate import Candidate
from grantd_server.store.view import RevocationView
from grantd_server.subjects.identity import Identity
from policy_rules import BOTH, CONDITIONS, SUBJECTS

if TYPE_CHECKING:
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.registered import Registration
    from grantd_server.world import World

NOW = 1_795_291_200
HOME, TOOLS, ABROAD = "https://home.example", "https://tools.example", "https://abroad.example"
RESOURCES = {
    "ledger": ["ledger.read", "ledger.write", "shared.read"],
    "wiki": ["wiki.read", "shared.read"],
    "mcp-1": ["shared.read", "mcp.use"],
    "far": ["far.read"],
}
CLIENTS = ["desk", "robot", "agent-1"]
USERS = [f"u-{number}" for number in range(60)]
GROUPS = ["eng", "fin", "ops", "staff"]
TYPE, OTHER_TYPE = "https://ledger.example/transfer", "https://wiki.example/page"
KEYS = [Pseudonyms(bytes([number]) * 32, f"pseudonym-{number}") for number in (1, 2)]


def seeded(seed: str) -> random.Random:
    """A generator that draws the same in every process."""
    return random.Random(seed)  # noqa: S311 - what happens in a made-up company is no secret


class Nothing:
    """A world in which nothing is blocked."""

    view = RevocationView(cast("Any", None), time.monotonic)

    def clock(self) -> float:
        return float(NOW)


WORLD = cast("World", Nothing())


def uri(resource: str) -> str:
    return f"https://{resource}.example/mcp"


def document(chance: random.Random, rules: int = 12) -> dict[str, Any]:
    """A company with random rules on both legs."""
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


def compiled(content: dict[str, Any]) -> tuple[bytes, Snapshot]:
    raw = canonical_document(content)
    return raw, compile_document(raw, lambda _: b"x" * 32, epoch=1, fingerprint_key=bytes(32))


def candidate(content: dict[str, Any], keys: list[Pseudonyms] | None = None) -> Candidate:
    raw, snapshot = compiled(content)
    return Candidate(snapshot, json.loads(raw), KEYS if keys is None else keys)


@dataclass
class Recorded:
    """A record, as the store has it."""

    id: str
    body: bytes


def happenings(snapshot: Snapshot, chance: random.Random, count: int) -> list[Recorded]:
    """What happened there: two of three decisions are of leg 1."""
    return [
        exchanged(snapshot, chance, number) if number % 3 else redeemed(snapshot, chance, number)
        for number in range(count)
    ]


def exchanged(snapshot: Snapshot, chance: random.Random, number: int) -> Recorded:
    client = snapshot.registration(HOME, f"{chance.choice(CLIENTS)}@home")
    assert client is not None
    key = chance.choice(KEYS)
    record = _record("ExchangeIdentity", number, snapshot, client)
    identity = _identity(snapshot, chance)
    record.subject, record.subject_key = key.subject(f"{HOME}|{identity.sub}"), key.key_id
    address = chance.choice([None, f"10.1.{chance.randrange(256)}.{chance.randrange(256)}", "192.0.2.7", "2001:db8::1"])
    now = NOW + chance.randrange(-200_000, 200_000)
    issuer = snapshot.grant_issuers[HOME]
    asker = Asker(snapshot, issuer, client, identity, address, now, key.subject)
    request = _exchange(chance)
    record.inputs.append(asker.on_record())
    note_exchange(record, request, None)
    try:
        entitle(record, asker, read_target(WORLD, snapshot, record, request, issuer=issuer, client=client))
    except Refused as refusal:
        record.outcome, record.reason = "refused", refusal.reason
    else:
        record.outcome = "granted"
    return Recorded(record.id, canonical(record.body()))


def redeemed(snapshot: Snapshot, chance: random.Random, number: int) -> Recorded:
    client = snapshot.registration(TOOLS, f"{chance.choice(CLIENTS)}@tools")
    assert client is not None
    record = _record("RedeemGrant", number, snapshot, client)
    server = snapshot.authorization_servers[TOOLS]
    trusted = chance.choice(list(server.trusted.values()))
    user = f"corp:{chance.choice(USERS)}"
    record.subject, record.subject_key = KEYS[0].subject(f"{trusted.issuer}|{user}"), KEYS[0].key_id
    resources = tuple(uri(name) for name in chance.sample(["ledger", "wiki", "mcp-1"], chance.choice([1, 1, 2])))
    scopes = chance.choice(
        [None, ("ledger.read", "shared.read"), ("shared.read",), ("wiki.read", "ledger.read", "nowhere")]
    )
    details = [_detail(chance) for _ in range(2)] if chance.random() < 0.2 else None
    sign_in = SignIn(chance.choice([None, "pwd", "mfa"]), None, NOW - chance.randrange(100_000))
    grant = Grant(trusted, user, user, str(number), NOW + 300, resources, scopes, sign_in, raw_details=details)
    wanted = json.dumps(details[:1]) if details and chance.random() < 0.3 else None
    request = Redeem(
        TOOLS, ClientProof(None, None), Observed(), "", None,
        chance.choice([None, None, "shared.read", "ledger.read wiki.read"]),
        chance.choice([(), (), resources[:1], (uri("mcp-1"),)]), wanted,
    )  # fmt: skip
    redemption = Redemption(server, client, grant, request, NOW + chance.randrange(-200_000, 200_000))
    record.inputs.append(redemption.on_record())
    note_redemption(record, request, grant, None)
    try:
        check_tenants(record, server, client, grant)
        grant_at_server(WORLD, snapshot, record, redemption)
    except Refused as refusal:
        record.outcome, record.reason = "refused", refusal.reason
    else:
        record.outcome = "granted"
    return Recorded(record.id, canonical(record.body()))


def _record(rpc: str, number: int, snapshot: Snapshot, client: Registration) -> Record:
    record = Record(rpc, NOW + number / 100)
    record.client, record.client_id, record.issuer = client.client, client.client_id, client.issuer
    record.bundle_version = snapshot.version
    return record


def _identity(snapshot: Snapshot, chance: random.Random) -> Identity:
    provider = snapshot.identity_providers[chance.choice(["corp", "corp", "corp", "guest"])]
    user = chance.choice(USERS)
    return Identity(
        provider=provider,
        upstream_sub=user,
        sub=f"{provider.name}:{user}",
        users=Attribute.of(frozenset({f"{provider.name}:{user}"})),
        groups=_some(chance, [f"{provider.name}:{group}" for group in GROUPS]),
        roles=_some(chance, [f"{provider.name}:{role}" for role in ("lead", "temp")]),
        claims={"department": _some(chance, ["finance", "hr"])} if chance.random() < 0.9 else {"department": UNKNOWN},
        sign_in=SignIn(
            chance.choice([None, "pwd", "mfa"]),
            chance.choice([None, (), ("otp",), ("otp", "hwk")]),
            chance.choice([None, NOW - chance.randrange(300_000)]),
        ),
    )


def _some(chance: random.Random, values: list[str]) -> Attribute:
    if chance.random() < 0.1:
        return UNKNOWN
    return Attribute.of(frozenset(chance.sample(values, chance.randrange(len(values) + 1))))


def _exchange(chance: random.Random) -> Exchange:
    resources = tuple(uri(name) for name in chance.sample(list(RESOURCES)[:3], chance.choice([0, 1, 1, 1, 2, 3])))
    audience = TOOLS
    if chance.random() < 0.1:
        audience, resources = chance.choice(
            [(ABROAD, (uri("far"),)), (ABROAD, ()), ("https://nowhere.example", resources)]
        )
    if chance.random() < 0.05:
        resources = (*resources, chance.choice(["https://stranger.example/mcp", "nonsense"]))
    details = None
    if chance.random() < 0.15:
        details = json.dumps([_detail(chance) for _ in range(chance.choice([1, 2]))])
    scope = chance.choice(
        [
            None,
            "ledger.read",
            "shared.read ledger.read",
            "shared.read wiki.read",
            "ledger.write ledger.read",
            "nowhere",
            "two  spaces",
        ]
    )
    return Exchange(
        HOME, ClientProof(None, None), Observed(), None, (audience,), resources, scope, details, None, None, None, None
    )  # fmt: skip


def _detail(chance: random.Random) -> dict[str, Any]:
    one: dict[str, Any] = {"type": chance.choice([TYPE, TYPE, OTHER_TYPE])}
    if chance.random() < 0.8:
        one["name"] = chance.choice("ab")
    if chance.random() < 0.5:
        one["count"] = chance.choice([1, 2, 12])
    return one


def distinct(record: Recorded) -> bytes:
    """What a replay reads of a record, in short; two of the same are one input."""
    body = json.loads(record.body)
    read = {name: body.get(name) for name in ("rpc", "client", "subject", "inputs", "asked")}
    return hmac.digest(b"inputs", json.dumps(read, sort_keys=True).encode(), "sha256")[:12]
