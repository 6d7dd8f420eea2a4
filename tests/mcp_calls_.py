"""Test support: calls to MCP servers, by the official client and by hand."""

from __future__ import annotations

from contextlib import asynccontextmanager

import httpx2
from mcp import Client as McpClient
from mcp.client.streamable_http import streamable_http_client

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    },
}
ACCEPT = {"accept": "application/json, text/event-stream"}


@asynccontextmanager
async def calling(url: str, token: str):
    """The official client with a token that it was given."""
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, trust_env=False) as http,
        McpClient(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def tool(url: str, token: str, name: str, **arguments: str) -> tuple[bool, str]:
    """Calls one tool: whether it failed, and its text."""
    async with calling(url, token) as client:
        result = await client.call_tool(name, arguments)
        return bool(result.is_error), " ".join(getattr(part, "text", "") for part in result.content)


def call(name: str, **arguments: str) -> dict[str, object]:
    """The message that calls a tool."""
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}


async def status(url: str, token: str | None, message: dict[str, object] = INITIALIZE) -> tuple[int, str]:
    """The HTTP status and the challenge of one request."""
    headers = ACCEPT | ({"authorization": f"Bearer {token}"} if token else {})
    async with httpx2.AsyncClient(trust_env=False) as http:
        answer = await http.post(url, json=message, headers=headers)
    return answer.status_code, answer.headers.get("www-authenticate", "")


async def post(url, token, message, **headers):
    async with httpx2.AsyncClient(trust_env=False) as http:
        sent = ACCEPT | {"authorization": f"Bearer {token}"} | headers
        return await http.post(url, json=message, headers=sent)


@asynccontextmanager
async def connected(url, auth):
    async with (
        httpx2.AsyncClient(auth=auth, trust_env=False) as http,
        McpClient(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


def bearer(token):
    def signing(request):
        request.headers["authorization"] = f"Bearer {token}"
        return request

    return signing


def bound(token, prover, url):
    """What a client does that holds a key: a fresh proof with each request."""

    def signing(request):
        request.headers["authorization"] = f"DPoP {token}"
        request.headers["dpop"] = prover.proof(request.method, url, access_token=token)
        return request

    return signing
