"""Random companies and what happens there: records written by the code that decides.

Everything comes from a seeded generator, so that a world is made again in another process.
"""

from __future__ import annotations

import hmac
import json
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from company_ import ABROAD, CLIENTS, GROUPS, HOME, NOW, OTHER_TYPE, RESOURCES, TENANTS, TOOLS, TYPE, USERS, uri
from grantd_server.audit.canonical import canonical
from grantd_server.audit.pseudonym import Pseudonyms
from grantd_server.audit.record import Record
from grantd_server.flows.people.tenancy import check_tenants, tenant_of_user
from grantd_server.flows.terms.asked import note_exchange, note_redemption
from grantd_server.flows.terms.entitlement import Asker, entitle
from grantd_server.flows.terms.redemption import Redemption, grant_at_server
from grantd_server.flows.terms.targets import read_target
from grantd_server.governance.compiling.compile import compile_document
from grantd_server.governance.document import canonical as canonical_document
from grantd_server.grants.grant import Grant
from grantd_server.model.bundle.rules import UNKNOWN, Attribute, SignIn
from grantd_server.model.requests import ClientProof, Exchange, Observed, Redeem
from grantd_server.refusals import Refused
from grantd_server.simulation.replay.candidate import Candidate
from grantd_server.store.view import RevocationView
from grantd_server.subjects.identity import Identity

if TYPE_CHECKING:
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.registered import Registration
    from grantd_server.world import World

KEYS = [Pseudonyms(bytes([number]) * 32, f"pseudonym-{number}") for number in (1, 2)]


class Nothing:
    """A world in which nothing is blocked."""

    view = RevocationView(cast("Any", None), time.monotonic)

    def clock(self) -> float:
        return float(NOW)


WORLD = cast("World", Nothing())


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
    tenant = _tenant(identity) if issuer.tenants else None
    asker = Asker(snapshot, issuer, client, identity, address, now, key.subject, tenant)
    request = _exchange(chance)
    record.inputs.append(asker.on_record())
    note_exchange(record, request, None)
    try:
        tenant_of_user(record, issuer, client, identity)
        target = read_target(WORLD, snapshot, record, request, issuer=issuer, client=client, tenant=tenant)
        entitle(record, asker, target)
    except Refused as refusal:
        record.outcome, record.reason = "refused", refusal.reason
    else:
        record.outcome = "granted"
    return Recorded(record.id, canonical(record.body()))


def redeemed(snapshot: Snapshot, chance: random.Random, number: int) -> Recorded:
    server = snapshot.authorization_servers[TOOLS]
    at = "tools" if server.tenants is None else chance.choice(["acme", "globex"])
    client = snapshot.registration(TOOLS, f"{chance.choice(CLIENTS)}@{at}")
    assert client is not None
    record = _record("RedeemGrant", number, snapshot, client)
    trusted = chance.choice(list(server.trusted.values()))
    tenant = aud_tenant = None
    if server.tenants is not None:
        tenant = chance.choice([*TENANTS, "west", None]) if trusted.name == "home" else None
        aud_tenant = chance.choice([None, None, "acme", "globex"])
    user = f"corp:{chance.choice(USERS)}"
    record.subject, record.subject_key = KEYS[0].subject(f"{trusted.issuer}|{user}"), KEYS[0].key_id
    resources = tuple(uri(name) for name in chance.sample(["ledger", "wiki", "mcp-1"], chance.choice([1, 1, 2])))
    scopes = chance.choice(
        [None, ("ledger.read", "shared.read"), ("shared.read",), ("wiki.read", "ledger.read", "nowhere")]
    )
    details = [_detail(chance) for _ in range(2)] if chance.random() < 0.2 else None
    sign_in = SignIn(chance.choice([None, "pwd", "mfa"]), None, NOW - chance.randrange(100_000))
    grant = Grant(trusted, user, user, str(number), NOW + 300, resources, scopes, sign_in, raw_details=details,
                  tenant=tenant, aud_tenant=aud_tenant)  # fmt: skip
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
        tenant=chance.choice(TENANTS) if provider.tenant is not None else None,
        claims={"department": _some(chance, ["finance", "hr"])} if chance.random() < 0.9 else {"department": UNKNOWN},
        sign_in=SignIn(
            chance.choice([None, "pwd", "mfa"]),
            chance.choice([None, (), ("otp",), ("otp", "hwk")]),
            chance.choice([None, NOW - chance.randrange(300_000)]),
        ),
    )


def _tenant(identity: Identity) -> str | None:
    """As the flow finds it: the provider's own, or what the sign-in says."""
    source = identity.provider.tenant
    return identity.tenant if source is None or source.fixed is None else source.fixed


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
