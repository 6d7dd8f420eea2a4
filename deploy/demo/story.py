"""The story: a sign-in becomes a grant, the grant an access token, the token opens a
tool; and somebody without the right is refused, with a reason an operator can read.

Each chapter checks what it tells, so that the exit status means something.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx2
from mcp import Client as McpClient
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider
from mcp.client.streamable_http import streamable_http_client

from deploy.demo import notes
from deploy.demo.company import ALICE, BOB
from deploy.demo.programs import grantd
from deploy.demo.unverified import claims_of, header_of
from grantd.client import AsyncClient
from grantd.client.assertions import AssertionProvider, HttpExchange, RpcExchange
from grantd.client.credentials import ClientSecret
from grantd.errors import Refused

if TYPE_CHECKING:
    from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

    from deploy.demo.company import Company
    from deploy.demo.telling import Teller
    from grantd.client.assertions import Exchange


class NotAsToldError(Exception):
    """Something did not happen as the story says."""


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise NotAsToldError(what)


class Wallet:
    """The official client's token storage."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        raise NotAsToldError(f"the client registered itself as {client_info.client_id}")


async def tell(company: Company, teller: Teller) -> None:
    """Tells all of it against running programs."""
    _who_is_there(company, teller)
    alice = await _sign_in(company, teller)
    credentials = ClientSecret(company.at_grants.client_id, company.at_grants.secret)
    async with AsyncClient.loopback(company.grpc) as rpc:
        exchange = RpcExchange(rpc, issuer=company.grants, credentials=credentials)
        spare = await _leg_1(company, teller, exchange, alice)
        await _leg_2(company, teller, exchange, alice)
        await _once(company, teller, rpc, spare)
        await _refusal(company, teller, exchange)


def _who_is_there(company: Company, teller: Teller) -> None:
    teller.chapter("A company on one machine")
    teller.fact("directory", company.directory().issuer, "canaille: employees sign in here, and only here")
    teller.fact("grant issuer", company.grants, "grantd, trust domain `corp`: turns a sign-in into a grant")
    teller.fact("auth. server", company.server, "grantd, trust domain `tools`: turns a grant into an access token")
    teller.fact("ticket desk", company.resource, "an MCP server on the official SDK: takes tokens for itself only")
    teller.say(
        """The directory can sign people in and nothing more. grantd stands beside it, decides by one policy who may
        reach what with which client, and writes every decision down."""
    )


async def _sign_in(company: Company, teller: Teller) -> str:
    teller.chapter("Alice signs in, once")
    teller.say("The assistant sends her to the directory (authorization code flow with PKCE) and gets an ID token.")
    id_token = await asyncio.to_thread(company.directory().sign_in, ALICE)
    _check(claims_of(id_token)["sub"] == ALICE.user_name, "the ID token is not Alice's")
    teller.token("ID token: the directory tells the assistant who signed in", id_token, notes.ID_TOKEN)
    return id_token


async def _leg_1(company: Company, teller: Teller, exchange: Exchange, id_token: str) -> str:
    teller.chapter("Leg 1: the sign-in becomes a grant")
    teller.say("The assistant shows the ID token to the grant issuer and names the ticket desk. First over gRPC:")
    first = await exchange(id_token, company.server, company.resource, "tickets:read tickets:write")
    _check(header_of(first)["typ"] == "oauth-id-jag+jwt", "leg 1 made no ID-JAG")
    teller.token("ID-JAG: the grant issuer tells the authorization server what to allow", first, notes.ID_JAG)
    teller.say("The same over HTTP (RFC 8693 token exchange) gives another grant, as each is redeemed once:")
    over_http = HttpExchange(
        f"{company.grants}/token", client_id=company.at_grants.client_id, client_secret=company.at_grants.secret
    )
    second = await over_http(id_token, company.server, company.resource, "tickets:read")
    await over_http.close()
    _check(claims_of(second)["jti"] != claims_of(first)["jti"], "two exchanges made one grant")
    teller.fact("jti", claims_of(first)["jti"], "of the grant over gRPC")
    teller.fact("jti", claims_of(second)["jti"], "of the grant over HTTP, for tickets:read only")
    return second


async def _leg_2(company: Company, teller: Teller, exchange: Exchange, id_token: str) -> None:
    teller.chapter("Leg 2: the grant becomes an access token, and a tool is called")
    teller.say(
        """Now the official MCP client does it by itself: it calls the ticket desk, is told 401, asks the assistant for
        a fresh grant, redeems it at the authorization server and calls again. Alice sees nothing of it."""
    )

    async def signed_in() -> str:
        return id_token

    wallet = Wallet()
    auth = IdentityAssertionOAuthProvider(
        server_url=company.resource,
        storage=wallet,
        client_id=company.at_server.client_id,
        client_secret=company.at_server.secret,
        issuer=company.server,
        assertion_provider=AssertionProvider(exchange, signed_in, scope="tickets:read tickets:write"),
    )
    async with (
        httpx2.AsyncClient(auth=auth, trust_env=False) as http,
        McpClient(streamable_http_client(company.resource, http_client=http)) as client,
    ):
        listed = await client.call_tool("list_tickets", {})
        closed = await client.call_tool("close_ticket", {"number": "T-2"})
    if wallet.tokens is None or listed.is_error or closed.is_error:
        raise NotAsToldError("the tools could not be called")
    access_token = wallet.tokens.access_token
    _check(header_of(access_token)["typ"] == "at+jwt", "leg 2 made no access token")
    teller.token("Access token: the authorization server opens the ticket desk", access_token, notes.ACCESS_TOKEN)
    for name, result in (("list_tickets", listed), ("close_ticket T-2", closed)):
        teller.good(f"{name}: " + "; ".join(getattr(part, "text", "") for part in result.content))


async def _once(company: Company, teller: Teller, rpc: AsyncClient, grant: str) -> None:
    """The typed client in place of the official one; the same grant twice."""
    teller.say("A grant is redeemed once. The one that came over HTTP is still unused; over gRPC, twice:")
    credentials = ClientSecret(company.at_server.client_id, company.at_server.secret)
    token = await rpc.redeem_grant(issuer=company.server, credentials=credentials, assertion=grant)
    teller.good(f"first: a {token.token_type} token for {' '.join(token.scope)}, good for {token.expires_in} seconds")
    try:
        await rpc.redeem_grant(issuer=company.server, credentials=credentials, assertion=grant)
    except Refused as refused:
        _check(refused.reason == "ASSERTION_REPLAYED", f"the replay was refused for another reason: {refused}")
        teller.refused(f"second: {refused.oauth_error}: {refused.description}")
    else:
        raise NotAsToldError("one grant was redeemed twice")


async def _refusal(company: Company, teller: Teller, exchange: Exchange) -> None:
    teller.chapter("Bob is refused, and the refusal can be explained")
    teller.say("Bob signs in as well. He is in the group `sales`, and no rule is about that one.")
    id_token = await asyncio.to_thread(company.directory().sign_in, BOB)
    try:
        await exchange(id_token, company.server, company.resource, "tickets:read")
    except Refused as refused:
        _check(refused.oauth_error == "access_denied", f"Bob was refused for another reason: {refused}")
        decision = refused.decision_id or ""
        teller.refused(f"{refused.oauth_error}: {refused.description}")
    else:
        raise NotAsToldError("Bob got a grant")
    teller.say(
        f"That is all that a client learns, beside a decision id. An operator asks with it: grantd explain {decision}"
    )
    explained = await asyncio.to_thread(grantd, company, "explain", decision)
    _check("engineers-read-and-close-tickets" in explained, "the explanation does not name the nearest rule")
    teller.verbatim(without_what_held(explained))


def without_what_held(explained: str) -> str:
    """The explanation less the checks that passed, which are many and all alike."""
    kept, held, skipping = [], 0, False
    for line in explained.splitlines():
        if line.startswith("  ok "):
            held, skipping = held + 1, True
        elif not (skipping and line.startswith("      ")):
            if skipping:
                kept.append(f"  ok     {held} checks held; the command shows each")
            skipping = False
            kept.append(line)
    return "\n".join(kept)
