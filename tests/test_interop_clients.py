"""Clients of other hands: the official MCP client on both legs, and authlib as a plain
OAuth client; and a sign-in at a real OpenID provider."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import httpx2
import pytest
from authlib.integrations.httpx_client import AsyncOAuth2Client
from deploy.demo import mcp_server
from mcp import Client as McpClient
from mcp.client.auth import OAuthTokenError
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider
from mcp.client.streamable_http import streamable_http_client

import organisation as org
from canaille_ import ALICE, BOB, canaille, needs_canaille
from grantd.client import AsyncClient
from grantd.client.assertions import AssertionProvider, HttpExchange, RpcExchange
from grantd.errors import Refused
from grantd.verifiers.access_token import AccessTokenVerifier
from grantd.verifiers.introspection import IntrospectionVerifier, RpcAsker
from serving_ import base_of, listening, serving
from town_ import DESK, DESK_AT_TOOLS, TICKETS_SERVER, Town, town

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class Kept:
    """The official client's token storage, in memory."""

    def __init__(self) -> None:
        self.tokens = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return None

    async def set_client_info(self, client_info):
        raise AssertionError("the client is configured, not registered")


@asynccontextmanager
async def desk_in_town(folder, *, introspecting=False):
    """The service and the demo's ticket desk beside it, with either verifier."""
    listener = listening()
    resource = f"{base_of(listener)}/mcp"
    async with town(folder, resource=resource) as here, AsyncClient.loopback(here.target) as grantd:
        if introspecting:
            asker = RpcAsker(grantd, issuer=here.server, credentials=TICKETS_SERVER)
            verifier = IntrospectionVerifier(asker, issuer=here.server, resource=resource, life=0, negative_life=0)
        else:
            verifier = AccessTokenVerifier(issuer=here.server, resource=resource)
        app = mcp_server.protected_desk(verifier, here.server, resource)
        async with serving(app, lifespan="on", listener=listener):
            yield here, grantd


class Counted:
    """An exchange that remembers the grants it fetched."""

    def __init__(self, exchange) -> None:
        self.exchange = exchange
        self.grants: list[str] = []

    async def __call__(self, *asked):
        self.grants.append(await self.exchange(*asked))
        return self.grants[-1]


def auth_for(here: Town, exchange, storage: Kept, id_token=None, method="client_secret_post"):
    """The official client's provider with our leg 1 in it."""

    async def signed_in() -> str:
        return id_token or here.id_token()

    return IdentityAssertionOAuthProvider(
        server_url=here.resource,
        storage=storage,
        client_id=DESK_AT_TOOLS.client_id,
        client_secret=DESK_AT_TOOLS.secret,
        issuer=here.server,
        assertion_provider=AssertionProvider(exchange, signed_in),
        token_endpoint_auth_method=method,
    )


async def tickets(here: Town, auth) -> str:
    """Lists the tickets with the official client, which fetches what it needs."""
    async with (
        httpx2.AsyncClient(auth=auth, trust_env=False) as http,
        McpClient(streamable_http_client(here.resource, http_client=http)) as client,
    ):
        result = await client.call_tool("list_tickets", {})
        assert not result.is_error, result
        return " ".join(part.text for part in result.content)


@pytest.mark.parametrize("method", ["client_secret_post", "client_secret_basic"])
@pytest.mark.parametrize("leg_1", ["grpc", "http"])
async def test_the_official_client_reaches_a_tool_with_nothing_but_a_sign_in(tmp_path, leg_1, method):
    async with desk_in_town(tmp_path) as (here, grantd):
        if leg_1 == "grpc":
            exchange = RpcExchange(grantd, issuer=here.grants, credentials=DESK)
        else:
            exchange = HttpExchange(f"{here.grants}/token", client_id=DESK.client_id, client_secret=DESK.secret)
        storage = Kept()
        assert "coffee machine" in await tickets(here, auth_for(here, exchange, storage, method=method))
        assert storage.tokens.scope == "tickets:read"
        if leg_1 == "http":
            await exchange.close()


@pytest.mark.req("X-2")
async def test_each_time_the_official_client_asks_it_gets_a_grant_that_was_never_used(tmp_path):
    async with desk_in_town(tmp_path, introspecting=True) as (here, grantd):
        exchange = Counted(RpcExchange(grantd, issuer=here.grants, credentials=DESK))
        storage = Kept()
        auth = auth_for(here, exchange, storage)
        await tickets(here, auth)
        # The token is revoked, so that the next request is a 401 and asks for a grant again.
        await grantd.revoke_token(issuer=here.server, credentials=DESK_AT_TOOLS, token=storage.tokens.access_token)
        assert "coffee machine" in await tickets(here, auth)
        assert len(exchange.grants) == 2
        assert len(set(exchange.grants)) == 2


@pytest.mark.parametrize("leg_1", ["grpc", "http"])
async def test_a_user_without_the_group_is_refused_in_leg_1_and_the_decision_is_named(tmp_path, leg_1):
    async with desk_in_town(tmp_path) as (here, grantd):
        if leg_1 == "grpc":
            exchange = RpcExchange(grantd, issuer=here.grants, credentials=DESK)
        else:
            exchange = HttpExchange(f"{here.grants}/token", client_id=DESK.client_id, client_secret=DESK.secret)
        provider = AssertionProvider(exchange, lambda: asyncio.sleep(0, here.id_token(groups=["sales"])))
        with pytest.raises(Refused) as caught:
            await provider(here.server, here.resource)
        assert caught.value.oauth_error == "access_denied"
        record = await here.house.record(caught.value.decision_id)
        assert record["reason"] == "POLICY_NO_RULE"
        if leg_1 == "http":
            await exchange.close()


async def test_a_scope_can_be_asked_for_and_the_policy_narrows_it(tmp_path):
    async with desk_in_town(tmp_path) as (here, grantd):
        exchange = RpcExchange(grantd, issuer=here.grants, credentials=DESK)
        provider = AssertionProvider(
            exchange, lambda: asyncio.sleep(0, here.id_token()), scope="tickets:read tickets:write"
        )
        grant = await provider(here.server, here.resource)
        token = await grantd.redeem_grant(issuer=here.server, credentials=DESK_AT_TOOLS, assertion=grant)
        assert token.scope == ("tickets:read",)


async def test_a_burned_grant_is_an_error_of_the_official_client_that_says_so(tmp_path):
    async with desk_in_town(tmp_path) as (here, grantd):
        issued = await grantd.exchange_identity(
            issuer=here.grants,
            credentials=DESK,
            subject_token=here.id_token(),
            audience=here.server,
            resource=[here.resource],
        )
        await grantd.redeem_grant(issuer=here.server, credentials=DESK_AT_TOOLS, assertion=issued.token)
        auth = auth_for(here, Counted(lambda *_: asyncio.sleep(0, issued.token)), Kept())
        async with httpx2.AsyncClient(auth=auth, trust_env=False) as http:
            with pytest.raises(OAuthTokenError, match="invalid_grant"):
                await http.post(here.resource, json={})


def plain(credentials, method="client_secret_basic") -> AsyncOAuth2Client:
    """authlib's client, as one of its users makes it."""
    return AsyncOAuth2Client(
        credentials.client_id, credentials.secret, token_endpoint_auth_method=method, trust_env=False
    )


async def test_authlib_exchanges_redeems_introspects_and_revokes(tmp_path):
    async with (
        town(tmp_path) as here,
        plain(DESK) as desk,
        plain(DESK_AT_TOOLS, "client_secret_post") as tools,
        plain(TICKETS_SERVER) as server,
    ):
        grant = await desk.fetch_token(
            f"{here.grants}/token",
            grant_type=TOKEN_EXCHANGE,
            requested_token_type="urn:ietf:params:oauth:token-type:id-jag",
            audience=here.server,
            resource=here.resource,
            subject_token=here.id_token(),
            subject_token_type="urn:ietf:params:oauth:token-type:id_token",
        )
        assert grant["issued_token_type"] == "urn:ietf:params:oauth:token-type:id-jag"
        token = await tools.fetch_token(f"{here.server}/token", grant_type=JWT_BEARER, assertion=grant["access_token"])
        assert (token["token_type"], token["scope"]) == ("Bearer", "tickets:read")
        endpoint = f"{here.server}/introspect"
        before = (await server.introspect_token(endpoint, token=token["access_token"])).json()
        assert (before["active"], before["aud"], before["client_id"]) == (True, org.TICKETS, "cli_desk")
        revoked = await tools.revoke_token(f"{here.server}/revoke", token=token["access_token"])
        assert revoked.status_code == 200
        after = await server.introspect_token(endpoint, token=token["access_token"])
        assert after.json() == {"active": False}


@needs_canaille
async def test_a_sign_in_at_canaille_becomes_an_access_token_and_one_without_the_group_does_not(tmp_path):
    (tmp_path / "canaille").mkdir()
    with canaille(tmp_path / "canaille") as provider:

        def signs_in_at_canaille(document):
            document["identity_providers"]["corp"] |= {
                "issuer": provider.issuer,
                "keys": {"discovery": True},
                "algorithms": ["RS256"],
            }

        async with town(tmp_path, changes=signs_in_at_canaille) as here, AsyncClient.loopback(here.target) as grantd:
            asked = {
                "issuer": here.grants,
                "credentials": DESK,
                "audience": here.server,
                "resource": [here.resource],
            }
            alice = await asyncio.to_thread(provider.sign_in, ALICE)
            grant = await grantd.exchange_identity(**asked, subject_token=alice)
            token = await grantd.redeem_grant(issuer=here.server, credentials=DESK_AT_TOOLS, assertion=grant.token)
            verifier = AccessTokenVerifier(issuer=here.server, resource=here.resource)
            verified = await verifier.verify(token.access_token)
            await verifier.close()
            assert verified.subject == "grants|alice"
            assert verified.amr == ("pwd",)
            bob = await asyncio.to_thread(provider.sign_in, BOB)
            with pytest.raises(Refused, match="access_denied"):
                await grantd.exchange_identity(**asked, subject_token=bob)
