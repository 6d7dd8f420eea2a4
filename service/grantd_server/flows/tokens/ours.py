"""Our own access tokens, as introspection and revocation meet them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantd import claims as read
from grantd import jws
from grantd_server.checks import CHAIN, digest, one_or_several
from grantd_server.flows.people.accounts import account_of
from grantd_server.flows.people.blocks import User, names_at_server, user_block
from grantd_server.model.bundle.governed import SubjectRule
from grantd_server.model.bundle.tenants import tenant_fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantd_server.audit.record import Record
    from grantd_server.governance.snapshot import Snapshot
    from grantd_server.model.bundle.governed import AuthorizationServer
    from grantd_server.world import World


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token of ours that is genuine and in time."""

    claims: Mapping[str, object]
    jti: str
    chain: str
    """The chain it hangs in: the first half of its jti."""
    client_id: str
    sub: str
    audiences: tuple[str, ...]
    expires: int


def read_access_token(world: World, record: Record, server: AuthorizationServer, raw: str) -> AccessToken | None:
    """Reads a token, or None for anything that is no valid access token of `server`:
    another kind, another issuer, tampered with, out of time (C-22, C-25)."""
    now = world.clock()
    try:
        claims = world.verified.read(server.issuer, raw, now)
        iss = read.text(claims, "iss", 2048)
        if iss != server.issuer:
            raise jws.Fault("claim:iss", server.issuer, iss)
        times = read.check_times(claims, now, skew=world.skew, require_iat=True)
        jti = read.text(claims, "jti")
        token = AccessToken(
            claims=claims,
            jti=jti,
            chain=_chain(jti),
            client_id=read.text(claims, "client_id"),
            sub=read.text(claims, "sub", 1024),
            audiences=one_or_several(claims, "aud", 2048),
            expires=int(times.exp),
        )
    except jws.Fault as fault:
        record.failed(f"token.{fault.check}", fault.expected, fault.got)
        return None
    record.noted("token.genuine", server.issuer, f"exp {token.expires}")
    record.token_hash, record.chain = digest(jti).hex(), token.chain
    return token


def _chain(jti: str) -> str:
    chain = jti.partition(".")[0]
    if CHAIN.fullmatch(chain) is None:
        raise jws.Fault("claim:jti", "a jti of this release", "another form")
    return chain


def withdrawn(world: World, snapshot: Snapshot, server: AuthorizationServer, token: AccessToken) -> str | None:
    """What took the token back before its time, or None: a revocation of it or of its
    chain, or a block of its user, client or issuer."""
    now, view = world.clock(), world.view
    if view.revoked(digest(token.jti)):
        return "the token was revoked"
    if view.revoked(bytes.fromhex(token.chain)):
        return "its chain was revoked"
    if view.withdrawn("issuer", server.issuer, now) is not None:
        return "its authorization server is blocked"
    client = snapshot.registration(server.issuer, token.client_id)
    if client is None:
        return "its client is not registered any more"
    if view.withdrawn("client", client.client, now) is not None:
        return "its client is blocked"
    account = account_of(token.sub)
    trusted = next((t for t in server.trusted.values() if t.name == account.issuer_name), None)
    if trusted is None:
        return "the issuer of its grant is not trusted any more"
    if view.withdrawn("issuer", trusted.issuer, now) is not None:
        return "the issuer of its grant is blocked"
    if tenant_fault(server, trusted, client, account.tenant) is not None:
        return "its tenant is not trusted, or not its client's, any more"
    known_by_sub = trusted.subject.rule is SubjectRule.PASSTHROUGH
    user = User(account, account.name if known_by_sub else None)
    if user_block(world, names_at_server(world, snapshot, server, trusted, user), now) is not None:
        return "its user is blocked"
    return None
