"""Test support: redemption, introspection and revocation by message, and what became of
them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import organisation as org
from case_transports import GRANT_TYPES
from grantd.v1 import authorization_pb2 as pb
from grantd.v1.client_pb2 import ClientAuthentication, ClientSecret
from grantd_server.checks import chain_of
from grantd_server.store import Committed, Tombstone, Write
from house import act
from leg_one import Outcome, outcome, robot_assertion, signed
from tokens import SigningKey

if TYPE_CHECKING:
    import httpx2

    from grantd_server.keys.own.purpose import Purpose
    from house import House

INACTIVE = pb.IntrospectTokenResponse(active=False)


def secret_of(client_id: str, secret: str) -> ClientAuthentication:
    return ClientAuthentication(client_id=client_id, secret=ClientSecret(secret=secret))


DESK = secret_of("cli_desk", org.TOOLS_SECRET)
OTHER = secret_of("cli_other", org.OTHER_SECRET)
TICKETS_SERVER = secret_of("rs-tickets", org.RS_SECRET)
WIKI_SERVER = secret_of("rs-wiki", org.WIKI_RS_SECRET)


def robot_at_tools(house: House) -> ClientAuthentication:
    """The robot with a fresh assertion, at the tools server."""
    return signed(robot_assertion(house, org.SERVER), "cli_robot")


async def redeemed(house: House, assertion: str, transport: str = "grpc", **changed: Any) -> Outcome:
    fields = {"issuer": org.SERVER, "client": DESK, "assertion": assertion, **changed}
    return await outcome(house, house.stub(transport).RedeemGrant(pb.RedeemGrantRequest(**fields)))


async def post_grant(house: House, assertion: str, **more: str) -> httpx2.Response:
    """What the desk is answered over HTTP."""
    form = {"grant_type": GRANT_TYPES["redeem"], "assertion": assertion, **more}
    return await house.http.post(f"{org.SERVER}/token", data=form, auth=("cli_desk", org.TOOLS_SECRET))


async def introspected(house: House, token: str, transport: str = "grpc", **changed: Any) -> Outcome:
    fields = {"issuer": org.SERVER, "client": TICKETS_SERVER, "token": token, **changed}
    return await outcome(house, house.stub(transport).IntrospectToken(pb.IntrospectTokenRequest(**fields)))


async def batch(house: House, tokens: list[str], transport: str = "grpc", **changed: Any) -> Outcome:
    fields = {"issuer": org.SERVER, "client": TICKETS_SERVER, "tokens": tokens, **changed}
    return await outcome(house, house.stub(transport).IntrospectTokens(pb.IntrospectTokensRequest(**fields)))


async def revoked(house: House, token: str, transport: str = "grpc", **changed: Any) -> Outcome:
    fields = {"issuer": org.SERVER, "client": DESK, "token": token, **changed}
    return await outcome(house, house.stub(transport).RevokeToken(pb.RevokeTokenRequest(**fields)))


async def active(house: House, token: str, **changed: Any) -> bool:
    """Whether introspection says active; an inactive answer has nothing else in it."""
    found = await introspected(house, token, **changed)
    assert found.status == "OK", found.record
    assert found.answer.active or found.answer == INACTIVE
    return bool(found.answer.active)


def fresh() -> str:
    """A jti of its own."""
    return secrets.token_hex(8)


async def a_token(house: House, **changed_claims: Any) -> str:
    """An access token, honestly redeemed from a grant of the partner."""
    found = await redeemed(house, house.partner_grant(**{"jti": fresh(), **changed_claims}))
    assert found.status == "OK", found.record
    return str(found.answer.access_token)


async def bury(house: House, iss: str, jti: str, *, seen: bool = True) -> None:
    """Revokes the chain that a grant begins, as an administrator does; `seen` by this
    process, or not yet."""
    tombstone = Tombstone(bytes.fromhex(chain_of(iss, jti)), house.now + 4000)
    assert isinstance(await house.store.write(Write(act(), tombstones=(tombstone,))), Committed)
    if seen:
        await house.parts.world.view.refresh()


def own_key(house: House, issuer: str, purpose: Purpose) -> SigningKey:
    """The key in use of an issuer of ours, with its private half."""
    kid = house.parts.world.ring.signer(issuer, purpose).kid
    (key,) = [key for key in house.parts.world.ring.keys if key.kid == kid]
    assert key.private is not None
    return SigningKey(key.kid, key.alg, key.private)
