"""An MCP server on the official SDK, protected by grantd's verifier: a ticket desk.

    python mcp_server.py PORT ISSUER

It trusts one authorization server, ISSUER, and takes tokens for itself only. Reading
needs the scope `tickets:read`, closing a ticket `tickets:write`.
"""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import AnyHttpUrl

from grantd.resource_server.mcp import TokenVerifier
from grantd.resource_server.verify import AccessTokenVerifier

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from grantd.resource_server.tokens import Verifier

READ, WRITE = "tickets:read", "tickets:write"


def resource_at(port: int) -> str:
    """The identifier of the server on this port: the URL that clients call."""
    return f"http://127.0.0.1:{port}/mcp"


def _need(scope: str) -> str:
    """Returns the caller's subject if the token of this very request has the scope."""
    token = get_access_token()
    if token is None or token.subject is None or scope not in token.scopes:
        raise ToolError(f"this needs the scope {scope}")
    return token.subject


def ticket_desk(verifier: Verifier, issuer: str, resource: str) -> MCPServer[Any]:
    """The server: two tools over a handful of tickets, which last as long as it does."""
    tickets = {"T-1": "The coffee machine is out of beans", "T-2": "The printer prints in Latin"}

    @asynccontextmanager
    async def closing(_server: MCPServer[Any]) -> AsyncIterator[None]:
        yield
        if isinstance(verifier, AccessTokenVerifier):
            await verifier.close()

    server: MCPServer[Any] = MCPServer(
        "ticket desk",
        token_verifier=TokenVerifier(verifier),
        auth=AuthSettings(
            issuer_url=AnyHttpUrl(issuer),
            resource_server_url=AnyHttpUrl(resource),
            required_scopes=[READ],
            validate_token_resource=True,
        ),
        lifespan=closing,
        log_level="WARNING",
    )

    @server.tool()
    def list_tickets() -> list[str]:
        """Lists the open tickets."""
        _need(READ)
        return [f"{number}: {title}" for number, title in tickets.items()]

    @server.tool()
    def close_ticket(number: str) -> str:
        """Closes a ticket and says who did it."""
        subject = _need(WRITE)
        if tickets.pop(number, None) is None:
            raise ToolError("there is no such ticket")
        return f"{number} was closed by {subject}"

    return server


def main(port: int, issuer: str) -> None:
    """Serves until it is stopped."""
    resource = resource_at(port)
    server = ticket_desk(AccessTokenVerifier(issuer=issuer, resource=resource), issuer, resource)
    server.run("streamable-http", host="127.0.0.1", port=port, json_response=True, stateless_http=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
