"""The verifiers inside real MCP servers: the official SDK's and fastmcp's."""

from __future__ import annotations

import json
import time

import httpx2
import pytest
import pytest_asyncio
from deploy.demo import mcp_server
from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from pydantic import AnyHttpUrl

from grantd.errors import Unavailable
from grantd.resource_server import fastmcp as ours_for_fastmcp
from grantd.resource_server import mcp as ours_for_mcp
from grantd.verifiers.access_token import AccessTokenVerifier
from grantd.verifiers.introspection import HttpAsker, IntrospectionVerifier
from grantd.verifiers.tokens import TokenRefused, VerifiedToken
from issuer_ import issuing
from mcp_calls_ import call, status, tool
from serving_ import base_of, listening, serving
from tokens import signing_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["keys", "introspection"])
async def desk(request):
    """The demo's MCP server with either verifier; yields its URL and its issuer."""
    listener = listening()
    resource = f"{base_of(listener)}/mcp"
    async with issuing() as issuer:
        if request.param == "keys":
            verifier = AccessTokenVerifier(issuer=issuer.issuer, resource=resource)
        else:
            ask = HttpAsker(f"{issuer.issuer}/introspect", client_id="desk", client_secret="s")
            verifier = IntrospectionVerifier(ask, issuer=issuer.issuer, resource=resource, life=0, negative_life=0)
        app = mcp_server.protected_desk(verifier, issuer.issuer, resource)
        async with serving(app, lifespan="on", listener=listener):
            yield resource, issuer, request.param
        if request.param == "introspection":
            await ask.close()


def token_for(desk, **changes):
    """A token of the issuer for the desk; the introspection endpoint says the same of it."""
    resource, issuer, _ = desk
    now = int(time.time())
    fresh = {"aud": resource, "iat": now, "exp": now + 60, "auth_time": now} | changes
    issuer.introspection = {"active": True} | issuer.claims(**fresh)
    return issuer.token(**fresh)


async def test_a_tool_is_called_with_a_token_of_ours(desk):
    failed, text = await tool(desk[0], token_for(desk), "list_tickets")
    assert not failed
    assert "coffee machine" in text


async def test_a_tool_sees_who_calls_and_with_which_scopes(desk):
    failed, text = await tool(desk[0], token_for(desk), "close_ticket", number="T-2")
    assert (failed, text) == (False, "T-2 was closed by u-18f2")


@pytest.mark.req("H-09")
async def test_too_small_a_scope_for_a_tool_is_a_challenge_with_all_that_it_needs(desk):
    code, challenge = await status(desk[0], token_for(desk, scope="tickets:read"), call("close_ticket", number="T-1"))
    assert code == 403
    assert 'error="insufficient_scope", scope="tickets:read tickets:write"' in challenge


@pytest.mark.req("C-12", "C-13", "H-08")
@pytest.mark.parametrize(
    "change", [{"aud": "https://else.example/mcp"}, {"exp": 1_700_000_000}, {"iss": "https://evil"}]
)
async def test_a_token_that_is_not_for_this_server_is_401(desk, change):
    code, challenge = await status(desk[0], token_for(desk, **change))
    assert code == 401
    assert 'error="invalid_token"' in challenge
    assert "resource_metadata=" in challenge


@pytest.mark.req("C-12")
@pytest.mark.parametrize("typ", ["oauth-id-jag+jwt", "JWT"])
async def test_a_grant_or_an_id_token_opens_nothing(desk, typ):
    resource, issuer, mode = desk
    token_for(desk)
    if mode == "introspection":
        issuer.introspection = {"active": False}
    now = int(time.time())
    assert (await status(resource, issuer.token(typ=typ, aud=resource, iat=now, exp=now + 60)))[0] == 401


async def test_a_forged_token_is_401(desk):
    resource, issuer, mode = desk
    if mode == "introspection":
        issuer.introspection = {"active": False}
    now = int(time.time())
    impostor = signing_key(kid=issuer.key.kid, bits=3000)
    assert (await status(resource, issuer.token(key=impostor, aud=resource, iat=now, exp=now + 60)))[0] == 401


async def test_no_token_is_401_and_too_small_a_scope_403(desk):
    assert (await status(desk[0], None))[0] == 401
    assert (await status(desk[0], token_for(desk)))[0] == 200
    code, challenge = await status(desk[0], token_for(desk, scope="other"))
    assert code == 403
    assert 'error="insufficient_scope"' in challenge


class Fixed:
    """A verifier with one answer."""

    def __init__(self, answer: VerifiedToken | Exception) -> None:
        self.answer = answer

    async def verify(self, raw_token: str, *, jkt: str | None = None) -> VerifiedToken:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


VERIFIED = VerifiedToken(
    "https://as", "u", "c", frozenset({"admin"}), "https://m", 2_000_000_000, "j", claims={"iss": "https://as"}
)
IMPLIED = {"admin": frozenset({"read"})}


@pytest.mark.req("H-10")
@pytest.mark.parametrize("adapter", [ours_for_mcp.TokenVerifier, ours_for_fastmcp.TokenVerifier])
async def test_both_adapters_hand_over_all_that_the_servers_know(adapter):
    token = await adapter(Fixed(VERIFIED), implied=IMPLIED).verify_token("raw")
    assert (token.token, token.client_id, token.subject, token.resource) == ("raw", "c", "u", "https://m")
    assert (token.scopes, token.expires_at, token.claims["iss"]) == (["admin", "read"], 2_000_000_000, "https://as")


@pytest.mark.parametrize("adapter", [ours_for_mcp.TokenVerifier, ours_for_fastmcp.TokenVerifier])
async def test_a_refused_token_is_none_and_no_answer_is_an_error(adapter):
    assert await adapter(Fixed(TokenRefused("signature"))).verify_token("raw") is None
    with pytest.raises(Unavailable):
        await adapter(Fixed(Unavailable("UNAVAILABLE"))).verify_token("raw")


async def test_a_fastmcp_server_takes_our_token_and_refuses_others():
    listener = listening()
    base = base_of(listener)
    resource = f"{base}/mcp"
    async with issuing() as issuer:
        verifier = AccessTokenVerifier(issuer=issuer.issuer, resource=resource)
        server = FastMCP(
            "desk",
            auth=RemoteAuthProvider(
                ours_for_fastmcp.TokenVerifier(verifier, required_scopes=["tickets:read"]),
                authorization_servers=[AnyHttpUrl(issuer.issuer)],
                base_url=base,
            ),
        )

        @server.tool
        def greet() -> str:
            return "good morning"

        app = server.http_app(path="/mcp", json_response=True, stateless_http=True)
        async with serving(app, lifespan="on", listener=listener):
            now = int(time.time())
            good = {"aud": resource, "iat": now, "exp": now + 60}
            assert await tool(resource, issuer.token(**good), "greet") == (False, "good morning")
            assert (await status(resource, issuer.token(**good | {"aud": "https://else"})))[0] == 401
            assert (await status(resource, issuer.token(**good | {"scope": "other"})))[0] == 403
            assert (await status(resource, None))[0] == 401
            async with httpx2.AsyncClient(trust_env=False) as http:
                document = await http.get(f"{base}/.well-known/oauth-protected-resource/mcp")
            assert json.loads(document.content)["authorization_servers"] == [issuer.issuer]
        await verifier.close()
