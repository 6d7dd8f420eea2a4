"""The kit around real MCP servers: sessions, long answers, DPoP, announcements, both SDKs."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager

import httpx2
import pytest
import pytest_asyncio
from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider, require_scopes
from fastmcp.server.dependencies import get_access_token as fastmcp_token
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import AnyHttpUrl

from grantd.dpop.prover import Prover
from grantd.resource_server import fastmcp as for_fastmcp
from grantd.resource_server import mcp as for_mcp
from grantd.resource_server.extension import ENTERPRISE_MANAGED_AUTHORIZATION
from grantd.resource_server.possession import Possession
from grantd.resource_server.protected_resource import ProtectedResource
from grantd.verifiers.access_token import AccessTokenVerifier
from issuer_ import issuing
from mcp_calls_ import INITIALIZE, bearer, bound, connected, post
from serving_ import base_of, listening, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def issuer():
    async with issuing() as issuer:
        yield issuer


def official() -> MCPServer:
    server: MCPServer = MCPServer("desk", extensions=[for_mcp.EnterpriseManagedAuthorization()], log_level="WARNING")

    @server.tool()
    def who() -> str:
        token = for_mcp.caller()
        return f"{token.subject} {' '.join(token.scopes)} [{token.token}]"

    @server.tool()
    def write() -> str:
        return str(for_mcp.caller("tickets:write").subject)

    return server


def foreign() -> FastMCP:
    server = FastMCP("desk")
    server.add_extension(for_fastmcp.EnterpriseManagedAuthorization())

    @server.tool
    def who() -> str:
        token = fastmcp_token()
        assert token is not None
        return f"{token.subject} {' '.join(token.scopes)} [{token.token}]"

    @server.tool(auth=require_scopes("tickets:write"))
    def write() -> str:
        token = fastmcp_token()
        assert token is not None
        return str(token.subject)

    return server


def behind_kit(kind, verifier, issuer, resource, base, **settings):
    app = official().streamable_http_app() if kind == "mcp" else foreign().http_app(path="/mcp")
    return for_mcp.protect(app, verifier, ProtectedResource(resource, (issuer.issuer,)), **settings)


def behind_sdk(kind, verifier, issuer, resource, base):
    if kind == "fastmcp":
        server = foreign()
        server.auth = RemoteAuthProvider(
            for_fastmcp.TokenVerifier(verifier),
            authorization_servers=[AnyHttpUrl(issuer.issuer)],
            base_url=base,
        )
        return server.http_app(path="/mcp")
    settings = AuthSettings(
        issuer_url=AnyHttpUrl(issuer.issuer),
        resource_server_url=AnyHttpUrl(resource),
        validate_token_resource=True,
    )
    server = MCPServer("desk", token_verifier=for_mcp.TokenVerifier(verifier), auth=settings, log_level="WARNING")

    @server.tool()
    def who() -> str:
        token = for_mcp.caller()
        return f"{token.subject} {' '.join(token.scopes)} []"

    return server.streamable_http_app()


@asynccontextmanager
async def desk(kind, issuer, build=behind_kit, **settings):
    """A server with sessions; yields its URL."""
    listener = listening()
    base = base_of(listener)
    verifier = AccessTokenVerifier(issuer=issuer.issuer, resource=f"{base}/mcp")
    app = build(kind, verifier, issuer, f"{base}/mcp", base, **settings)
    async with serving(app, lifespan="on", listener=listener):
        yield f"{base}/mcp"
    await verifier.close()


def token_for(issuer, url, **changes):
    now = int(time.time())
    return issuer.token(**{"aud": url, "iat": now, "exp": now + 60} | changes)


WHO = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "who", "arguments": {}}}


@pytest.mark.req("H-12")
@pytest.mark.parametrize("kind", ["mcp", "fastmcp"])
@pytest.mark.parametrize("build", [behind_kit, behind_sdk])
async def test_a_session_stays_with_its_user_and_each_request_with_its_token(issuer, kind, build):
    async with desk(kind, issuer, build) as url:
        begun = await post(url, token_for(issuer, url, sub="ann"), INITIALIZE)
        assert begun.status_code == 200
        headers = {"mcp-session-id": begun.headers["mcp-session-id"], "mcp-protocol-version": "2025-06-18"}
        ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        assert (await post(url, token_for(issuer, url, sub="ann"), ready, **headers)).status_code == 202

        same = await post(url, token_for(issuer, url, sub="ann", scope="tickets:read", jti="t-2"), WHO, **headers)
        assert "ann tickets:read [" in same.text
        wider = await post(url, token_for(issuer, url, sub="ann", scope="a b", jti="t-3"), WHO, **headers)
        assert "ann a b [" in wider.text

        for swapped in ({"sub": "bob"}, {"sub": "ann", "client_id": "other"}):
            answer = await post(url, token_for(issuer, url, **swapped), WHO, **headers)
            assert answer.status_code == 404
            assert "ann" not in answer.text
        assert (await post(url, "stolen", WHO, **headers)).status_code == 401
        expired = token_for(issuer, url, sub="ann", iat=1_700_000_000, exp=1_700_000_060)
        assert (await post(url, expired, WHO, **headers)).status_code == 401


@pytest.mark.req("H-14", "C-11")
@pytest.mark.parametrize("kind", ["mcp", "fastmcp"])
async def test_a_key_bound_token_opens_a_server_whose_sdk_knows_no_dpop(issuer, kind):
    async with desk(kind, issuer, possession=Possession(required=True)) as url:
        prover = Prover.generate()
        token = token_for(issuer, url, cnf={"jkt": prover.jkt})
        async with connected(url, bound(token, prover, url)) as client:
            result = await client.call_tool("who", {})
            assert result.content[0].text == "u-18f2 tickets:read tickets:write []"
        thief = Prover.generate()
        stolen = {"authorization": f"DPoP {token}", "dpop": thief.proof("POST", url, access_token=token)}
        assert (await post(url, token, WHO, **stolen)).status_code == 401
        assert (await post(url, token, WHO)).status_code == 401


@pytest.mark.req("H-16")
@pytest.mark.parametrize("kind", ["mcp", "fastmcp"])
async def test_tools_know_the_caller_and_have_no_token_to_pass_on(issuer, kind):
    async with (
        desk(kind, issuer, implied={"admin": frozenset({"tickets:write"})}) as url,
        connected(url, bearer(token_for(issuer, url, scope="admin"))) as client,
    ):
        assert (await client.call_tool("who", {})).content[0].text == "u-18f2 admin tickets:write []"
        assert (await client.call_tool("write", {})).content[0].text == "u-18f2"


async def test_a_tool_can_insist_by_itself(issuer):
    async with desk("mcp", issuer) as url, connected(url, bearer(token_for(issuer, url, scope="a"))) as client:
        result = await client.call_tool("write", {})
    assert result.is_error
    assert "this needs the scope tickets:write" in result.content[0].text


@pytest.mark.parametrize("user", [None, AccessToken(token="", client_id="c", scopes=[])])
async def test_where_nobody_signed_in_there_is_no_caller(user):
    before = auth_context_var.set(user and AuthenticatedUser(user))
    with pytest.raises(ToolError, match="sign-in"):
        for_mcp.caller()
    auth_context_var.reset(before)


@pytest.mark.req("H-17", "F-20")
@pytest.mark.parametrize("kind", ["mcp", "fastmcp"])
async def test_the_extension_is_announced_and_nothing_depends_on_it(issuer, kind):
    assert ENTERPRISE_MANAGED_AUTHORIZATION == "io.modelcontextprotocol/enterprise-managed-authorization"
    async with desk(kind, issuer) as url:
        token = token_for(issuer, url)
        for capabilities in ({}, {"extensions": {ENTERPRISE_MANAGED_AUTHORIZATION: {}}}):
            params = INITIALIZE["params"] | {"capabilities": capabilities}
            assert (await post(url, token, INITIALIZE | {"params": params})).status_code == 200
            assert (await post(url, "stolen", INITIALIZE | {"params": params})).status_code == 401
        version = "2026-07-28"
        meta = {
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {"extensions": {ENTERPRISE_MANAGED_AUTHORIZATION: {}}},
        }
        discover = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta}}
        headers = {"mcp-protocol-version": version, "mcp-method": "server/discover"}
        answer = await post(url, token, discover, **headers)
        assert f'"{ENTERPRISE_MANAGED_AUTHORIZATION}":{{}}' in answer.text.replace(" ", "")


@pytest.mark.req("X-11", "C-11")
async def test_an_issuer_that_is_down_is_503_and_opens_nothing(issuer):
    async with issuing() as other, desk("mcp", other) as url:
        other.status = 500
        answer = await post(url, token_for(other, url), WHO)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "www-authenticate" not in answer.headers


async def test_a_page_of_a_named_origin_may_ask(issuer):
    page = "http://localhost:6274"
    async with desk("mcp", issuer, origins=[page]) as url, httpx2.AsyncClient(trust_env=False) as http:
        asked = {"origin": page, "access-control-request-method": "POST"}
        assert (await http.options(url, headers=asked)).headers["access-control-allow-origin"] == page
        assert (await http.post(url, headers={"origin": page})).headers["access-control-allow-origin"] == page
