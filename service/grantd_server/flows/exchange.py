"""ExchangeIdentity: a sign-in becomes a grant for one authorization server, one client
and its MCP servers. RFC 8693 as profiled by
draft-ietf-oauth-identity-assertion-authz-grant section 4.3.

1 who asks · 2 who signed in · 3 for what · 4 what policy grants · 5 sign in memory ·
6 write down · 7 answer.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from grantd_server.checks import (
    GRANT_TYPE_TOKEN_EXCHANGE,
    JWT_TYPE_ID_JAG,
    TOKEN_TYPE_ID_JAG,
    TOKEN_TYPE_REFRESH_TOKEN,
    chain_of,
    digest,
    one_or_many,
    sign_in_claims,
)
from grantd_server.flows.people.name_ids import name_id_claims
from grantd_server.flows.people.standing import person_now
from grantd_server.flows.road.asking import asking_client
from grantd_server.flows.road.deciding import Decided, decided_on_record
from grantd_server.flows.road.possession import confirmation, read_possession
from grantd_server.flows.terms.asked import note_exchange
from grantd_server.flows.terms.details import detail_claims
from grantd_server.flows.terms.entitlement import Asker, entitle
from grantd_server.flows.terms.targets import account_claims, read_target, subject_for
from grantd_server.flows.tokens.exchanged import Exchanged
from grantd_server.flows.tokens.remembering import remembered_sign_in
from grantd_server.flows.tokens.signing import signed
from grantd_server.keys.own.purpose import Purpose
from grantd_server.model.bundle.governed import AuthorizationServer
from grantd_server.refusals import Reason
from grantd_server.store import Issued
from grantd_server.subjects import KINDS
from grantd_server.subjects.identity import Reading

if TYPE_CHECKING:
    from grantd_server.audit.record import Record
    from grantd_server.flows.road.call import Call
    from grantd_server.flows.terms.entitlement import Entitlement
    from grantd_server.flows.terms.targets import Target
    from grantd_server.model.bundle.governed import GrantIssuer
    from grantd_server.model.requests import Exchange
    from grantd_server.store.refresh_tokens import RefreshToken
    from grantd_server.subjects.identity import Identity
    from grantd_server.world import World


async def exchange(world: World, request: Exchange, call: Call) -> Exchanged:
    """Exchanges a sign-in for an ID-JAG, or refuses."""
    return await decided_on_record(world, call, "exchange.record", lambda: _decide(world, request, call))


async def _decide(world: World, request: Exchange, call: Call) -> Decided[Exchanged]:
    record, now, snapshot = call.record, world.clock(), world.governed()

    record.step("exchange.client")
    issuer, client = await asking_client(world, snapshot, request, call, now)
    allowed = GRANT_TYPE_TOKEN_EXCHANGE in client.grant_types
    record.require("client.grant", allowed, Reason.CLIENT_GRANT_NOT_ALLOWED, GRANT_TYPE_TOKEN_EXCHANGE)
    possession = read_possession(world, record, request.observed.dpop_proofs, issuer, client)

    record.step("exchange.subject")
    _check_parameters(record, request, issuer)
    kind = KINDS.get(request.subject_token_type or "")
    if kind is None or request.subject_token is None:
        expected, got = sorted(KINDS), request.subject_token_type or ""
        raise record.refuse("request.subject_token_type", Reason.SUBJECT_TOKEN_TYPE_UNSUPPORTED, expected, got)
    reading = Reading(world, snapshot, record, issuer, client, now)
    signed_in = await kind(reading, request.subject_token.reveal())
    person = person_now(reading, signed_in)
    identity, tenant = person.identity, person.tenant

    record.step("exchange.target")
    if request.requested_token_type == TOKEN_TYPE_REFRESH_TOKEN:
        return remembered_sign_in(reading, request, signed_in)
    asker = Asker(
        snapshot, issuer, client, identity, request.observed.address, int(now), world.pseudonyms.subject, tenant
    )
    record.inputs.append(asker.on_record())
    note_exchange(record, request, possession)
    target = read_target(world, snapshot, record, request, issuer=issuer, client=client, tenant=tenant)

    record.step("exchange.policy")
    entitlement = entitle(record, asker, target)

    record.step("exchange.sign")
    jti = secrets.token_urlsafe(16)
    lifetime = target.grant_lifetime(issuer)
    subject = subject_for(world, target, identity)
    claims = _claims(issuer, target, entitlement, identity, sub=subject, jti=jti, now=int(now), lifetime=lifetime)
    claims |= confirmation(possession)
    record.chain, record.jti_hash = chain_of(issuer.issuer, jti), digest(jti).hex()
    record.expires = int(now) + lifetime
    token = await signed(world, issuer.issuer, Purpose.GRANT_SIGNING, JWT_TYPE_ID_JAG, claims)
    answer = Exchanged(
        token, TOKEN_TYPE_ID_JAG, lifetime, entitlement.scopes, entitlement.resources, possession, entitlement.details
    )
    if identity.renewed is None:
        return Decided(answer, "granted", snapshot, marks=identity.marks)
    last_use = int(now) + lifetime + 2 * world.skew + 1
    return Decided(answer, "granted", snapshot, issued=(_below(identity.renewed, record.chain, target, last_use),))


def _check_parameters(record: Record, request: Exchange, issuer: GrantIssuer) -> None:
    """What a token exchange request must and must not carry (A-02, A-17 to A-22)."""
    wanted = request.requested_token_type
    supported = wanted == TOKEN_TYPE_ID_JAG or (
        wanted == TOKEN_TYPE_REFRESH_TOKEN and issuer.refresh_tokens is not None
    )
    reason = Reason.REQUESTED_TOKEN_TYPE_UNSUPPORTED if wanted else Reason.PARAMETER_MISSING
    record.require("request.requested_token_type", supported, reason, TOKEN_TYPE_ID_JAG, wanted or "absent")
    for name, value in (
        ("subject_token", request.subject_token),
        ("subject_token_type", request.subject_token_type),
    ):
        got = "absent" if value is None else "present"
        record.require(f"request.{name}", value is not None, Reason.PARAMETER_MISSING, "present", got)
    actor = request.actor_token is not None or request.actor_token_type is not None
    record.require("request.actor_token", not actor, Reason.ACTOR_UNSUPPORTED, "absent", otherwise="present")


def _below(session: RefreshToken, chain: str, target: Target, last_use: int) -> Issued:
    """Hangs the chain that this grant begins below the refresh tokens it came from, for
    as long as an access token of that chain may live: revoking them ends it, too."""
    life = target.server.token_lifetime if isinstance(target.server, AuthorizationServer) else 0
    return Issued(bytes.fromhex(chain), session.family, last_use + life)


def _claims(
    issuer: GrantIssuer,
    target: Target,
    entitlement: Entitlement,
    identity: Identity,
    *,
    sub: str,
    jti: str,
    now: int,
    lifetime: int,
) -> dict[str, object]:
    """The claims of the ID-JAG (section 3.1): as granted, not as requested."""
    return {
        "iss": issuer.issuer,
        "sub": sub,
        "aud": target.server.issuer,
        "client_id": target.client_id,
        "jti": jti,
        "iat": now,
        "exp": now + lifetime,
        "resource": one_or_many(entitlement.resources),
        "scope": " ".join(entitlement.scopes),
        **sign_in_claims(identity.sign_in),
        **account_claims(target, identity),
        **name_id_claims(issuer, target, identity),
        **detail_claims(entitlement.details),
    }
