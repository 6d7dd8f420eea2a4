"""An MCP server on the official SDK, protected by grantd's resource server kit: a ticket desk.

    python mcp_server.py PORT ISSUER

It trusts one authorization server, ISSUER, and takes tokens for itself only. Reading
needs the scope `tickets:read`, closing a ticket `tickets:write`.
"""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from grantd.resource_server.mcp import EnterpriseManagedAuthorization, caller, protect
from grantd.resource_server.operations import Operations
from grantd.resource_server.protected_resource import ProtectedResource
from grantd.resource_server.requirement import Requirement
from grantd.verifiers.access_token import AccessTokenVerifier

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from grantd.resource_server.asgi import App
    from grantd.verifiers.tokens import Verifier

READ, WRITE = "tickets:read", "tickets:write"


def resource_at(port: int) -> str:
    """The identifier of the server on this port: the URL that clients call."""
    return f"http://127.0.0.1:{port}/mcp"


def ticket_desk(verifier: Verifier) -> MCPServer[Any]:
    """The server: two tools over a handful of tickets, which last as long as it does."""
    tickets = {"T-1": "The coffee machine is out of beans", "T-2": "The printer prints in Latin"}

    @asynccontextmanager
    async def closing(_server: MCPServer[Any]) -> AsyncIterator[None]:
        yield
        if isinstance(verifier, AccessTokenVerifier):
            await verifier.close()

    server: MCPServer[Any] = MCPServer(
        "ticket desk", extensions=[EnterpriseManagedAuthorization()], lifespan=closing, log_level="WARNING"
    )

    @server.tool()
    def list_tickets() -> list[str]:
        """Lists the open tickets."""
        caller(READ)
        return [f"{number}: {title}" for number, title in tickets.items()]

    @server.tool()
    def close_ticket(number: str) -> str:
        """Closes a ticket and says who did it."""
        subject = caller(WRITE).subject
        if tickets.pop(number, None) is None:
            raise ToolError("there is no such ticket")
        return f"{number} was closed by {subject}"

    return server


def protected_desk(verifier: Verifier, issuer: str, resource: str) -> App:
    """The server behind its verifier. Who may not close tickets is told so by a challenge,
    upon which a client asks for the wider scope."""
    server = ticket_desk(verifier)
    return protect(
        server.streamable_http_app(json_response=True, stateless_http=True),
        verifier,
        ProtectedResource(resource, (issuer,), scopes_supported=(READ, WRITE), resource_name="Ticket desk"),
        required=[READ],
        operations=Operations(tools={"close_ticket": Requirement((WRITE,))}),
    )


def main(port: int, issuer: str) -> None:
    """Serves until it is stopped."""
    resource = resource_at(port)
    desk = protected_desk(AccessTokenVerifier(issuer=issuer, resource=resource), issuer, resource)
    uvicorn.run(desk, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
