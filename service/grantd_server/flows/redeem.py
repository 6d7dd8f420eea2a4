"""RedeemGrant: a grant becomes an access token, once. RFC 7523 as profiled by
draft-ietf-oauth-identity-assertion-authz-grant section 4.4.

1 who presents · 2 who vouches · 3 genuine, and meant for us · 4 who that is here ·
5 what is granted · 6 sign in memory · 7 once and on record · 8 answer.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd_server.checks import (
    GRANT_TYPE_JWT_BEARER,
    GRANT_TYPE_JWT_DPOP,
    JWT_TYPE_ACCESS_TOKEN,
    digest,
    one_or_many,
    sign_in_claims,
)
from grantd_server.client_auth import Asking, authenticate_client
from grantd_server.flows.people.accounts import Account, local_subject, qualified
from grantd_server.flows.people.blocks import User, names_at_server, user_block
from grantd_server.flows.people.tenancy import check_tenants
from grantd_server.flows.road.deciding import Decided, decided_on_record
from grantd_server.flows.road.possession import check_bound, confirmation, read_possession
from grantd_server.flows.terms.asked import note_redemption
from grantd_server.flows.terms.details import detail_claims
from grantd_server.flows.terms.redemption import Redemption, grant_at_server
from grantd_server.flows.tokens.signing import signed
from grantd_server.grants import KINDS
from grantd_server.grants.grant import Reading
from grantd_server.keys.own.purpose import Purpose
from grantd_server.refusals import Reason
from grantd_server.store import Issued, Mark, Space

if TYPE_CHECKING:
    from grantd_server.audit.record import Record
    from grantd_server.flows.road.call import Call
    from grantd_server.flows.road.possession import Possession
    from grantd_server.flows.terms.redemption import Granted
    from grantd_server.grants.grant import Grant
    from grantd_server.model.bundle.details import Detail
    from grantd_server.model.bundle.governed import AuthorizationServer
    from grantd_server.model.registered import Registration
    from grantd_server.model.requests import Redeem
    from grantd_server.world import World


@dataclass(frozen=True, slots=True)
class Redeemed:
    """An access token and what it grants."""

    access_token: str
    expires_in: int
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    possession: Possession | None = None
    """The key it is bound to."""
    details: tuple[Detail, ...] = ()


async def redeem(world: World, request: Redeem, call: Call) -> Redeemed:
    """Redeems a grant for an access token, or refuses and leaves the grant unused."""
    return await decided_on_record(world, call, "redeem.record", lambda: _decide(world, request, call))


async def _decide(world: World, request: Redeem, call: Call) -> Decided[Redeemed]:
    record, now, snapshot = call.record, world.clock(), world.governed()

    record.step("redeem.client")
    server = snapshot.authorization_servers.get(request.issuer)
    if server is None:
        raise record.refuse("issuer", Reason.ISSUER_UNKNOWN, "an authorization server of this service", request.issuer)
    record.issuer = record.audience = server.issuer
    record.bundle_version, record.bundle_epoch = snapshot.version, snapshot.epoch
    client = await authenticate_client(Asking(world, record, call.caller, server.issuer, now), snapshot, request.client)
    blocked = world.view.withdrawn("issuer", server.issuer, now)
    record.require(
        "issuer.not_blocked", blocked is None, Reason.ASSERTION_BLOCKED, "no block", otherwise=blocked and blocked.words
    )
    grant_type = _grant_type(server, request.grant_type)
    kind = KINDS.get(grant_type)
    if kind is None:
        raise record.refuse("request.grant_type", Reason.GRANT_TYPE_UNSUPPORTED, sorted(KINDS), request.grant_type)
    record.require("client.grant", grant_type in client.grant_types, Reason.CLIENT_GRANT_NOT_ALLOWED, grant_type)
    if request.assertion is None:
        raise record.refuse("request.assertion", Reason.PARAMETER_MISSING, "assertion", "absent")
    possession = read_possession(world, record, request.observed.dpop_proofs, server, client)

    record.step("redeem.assertion")
    grant = await kind(Reading(world, snapshot, record, server, client, now), request.assertion.reveal())
    check_bound(record, grant, possession)
    revoked = world.view.revoked(bytes.fromhex(record.chain))
    record.require(
        "assertion.chain", not revoked, Reason.ASSERTION_BLOCKED, "a chain in force", otherwise="a revoked chain"
    )

    redemption = Redemption(server, client, grant, request, int(now))
    record.inputs.append(redemption.on_record())
    note_redemption(record, request, grant, possession)

    record.step("redeem.subject")
    check_tenants(record, server, client, grant)
    account = _account(world, record, grant)
    user = User(account, grant.sub)
    blocked = user_block(world, names_at_server(world, snapshot, server, grant.issuer, user), now)
    record.require(
        "subject.not_blocked",
        blocked is None,
        Reason.ASSERTION_BLOCKED,
        "no block",
        otherwise=blocked and blocked.words,
    )

    record.step("redeem.policy")
    granted = grant_at_server(world, snapshot, record, redemption)

    record.step("redeem.sign")
    jti = f"{record.chain}.{secrets.token_urlsafe(12)}"
    claims = _claims(redemption, granted, local_subject(account), jti) | confirmation(possession)
    record.token_hash, record.expires = digest(jti).hex(), int(now) + server.token_lifetime
    token = await signed(world, server.issuer, Purpose.ACCESS_TOKEN, JWT_TYPE_ACCESS_TOKEN, claims)
    return Decided(
        Redeemed(token, server.token_lifetime, granted.scopes, granted.resources, possession, granted.details),
        "granted",
        snapshot,
        marks=(_mark(world, record, client, grant),),
        issued=(Issued(digest(jti), record.chain, int(now) + server.token_lifetime),),
    )


def _grant_type(server: AuthorizationServer, asked: str) -> str:
    """`jwt-dpop` is another name of `jwt-bearer`, where it is offered: same rules (X-7)."""
    return GRANT_TYPE_JWT_BEARER if server.jwt_dpop and asked == GRANT_TYPE_JWT_DPOP else asked


def _account(world: World, record: Record, grant: Grant) -> Account:
    """The account here (B-15): by issuer, tenant and `sub`, or as the trust declares."""
    record.subject = world.pseudonyms.subject(f"{grant.issuer.issuer}|{qualified(grant.tenant, grant.sub)}")
    record.subject_key = world.pseudonyms.key_id
    known = grant.issuer.known_subjects
    identified = known is None or qualified(grant.tenant, grant.account) in known
    expected = "a user that this server knows"
    record.require("subject.known", identified, Reason.ASSERTION_SUBJECT, expected, otherwise="a user of the issuer")
    return Account(grant.issuer.name, grant.tenant, grant.account)


def _mark(world: World, record: Record, client: Registration, grant: Grant) -> Mark:
    """The use of this grant. Kept longer than every clock-skew window (G-20)."""
    uses, declared = grant.issuer.reuse_limit, grant.issuer.name
    if client.reuse_limit is not None:
        uses, declared = client.reuse_limit, client.client
    dialect = "single use" if uses == 1 else f"reuse until it expires, {uses} uses at most"
    record.noted("assertion.reuse", dialect, f"declared for {declared}")
    until = grant.expires + 2 * world.skew + 1
    return Mark(Space.ID_JAG, grant.issuer.issuer, digest(grant.jti), until, uses)


def _claims(redemption: Redemption, granted: Granted, subject: str, jti: str) -> dict[str, object]:
    """The claims of the access token (RFC 9068 section 2.2). Nothing of the grant is
    embedded but the sign-in, so that resource servers can ask for a stronger one."""
    return {
        "iss": redemption.server.issuer,
        "sub": subject,
        "aud": one_or_many(granted.audiences),
        "client_id": redemption.client.client_id,
        "scope": " ".join(granted.scopes),
        "jti": jti,
        "iat": redemption.now,
        "exp": redemption.now + redemption.server.token_lifetime,
        **sign_in_claims(redemption.grant.sign_in),
        **detail_claims(granted.details),
    }
