"""The client in the conformance suite's scenario `auth/enterprise-managed-authorization`:
the official MCP client with grantd's leg 1 in it. The suite plays everybody else.

    MCP_CONFORMANCE_CONTEXT=JSON python ema_client.py MCP_SERVER_URL
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

import httpx2
from mcp import Client as McpClient
from mcp.client.auth.extensions.identity_assertion import IdentityAssertionOAuthProvider
from mcp.client.auth.utils import (
    build_protected_resource_metadata_discovery_urls,
    extract_resource_metadata_from_www_auth,
    handle_protected_resource_response,
)
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken

from grantd.client.assertions import AssertionProvider, HttpExchange


class _Memory:
    """The official client's token storage, for one run."""

    def __init__(self) -> None:
        self._tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self._tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self._tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        raise AssertionError(f"registered as {client_info.client_id}, though it is configured")


async def _authorization_server(server_url: str) -> str:
    """The issuer that the server names; a company configures it, the scenario does not say it."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        challenge = await http.post(server_url, json={})
        named = extract_resource_metadata_from_www_auth(challenge)
        for url in build_protected_resource_metadata_discovery_urls(named, server_url):
            metadata = await handle_protected_resource_response(await http.get(url))
            if metadata is not None:
                # pydantic adds a slash to a bare origin, which the issuer has not.
                return str(metadata.authorization_servers[0]).rstrip("/")
    raise SystemExit("the server has no protected resource metadata")


async def main(server_url: str) -> None:
    context = json.loads(os.environ["MCP_CONFORMANCE_CONTEXT"])
    # The scenario's client has no secret at the identity provider: Basic with an empty one.
    exchange = HttpExchange(context["idp_token_endpoint"], client_id=context["idp_client_id"], client_secret="")

    async def signed_in() -> str:
        id_token: str = context["idp_id_token"]
        return id_token

    auth = IdentityAssertionOAuthProvider(
        server_url=server_url,
        storage=_Memory(),
        client_id=context["client_id"],
        client_secret=context["client_secret"],
        issuer=await _authorization_server(server_url),
        assertion_provider=AssertionProvider(exchange, signed_in),
        token_endpoint_auth_method="client_secret_basic",
    )
    async with (
        httpx2.AsyncClient(auth=auth, trust_env=False) as http,
        McpClient(streamable_http_client(server_url, http_client=http)) as client,
    ):
        tools = await client.list_tools()
        result = await client.call_tool(tools.tools[0].name, {})
    await exchange.close()
    if result.is_error:
        raise SystemExit(f"the tool failed: {result.content}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
