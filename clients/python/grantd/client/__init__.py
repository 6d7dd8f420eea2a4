"""Typed callers of grantd: over gRPC, and leg 1 over HTTP for MCP clients."""

from grantd.client.aio import AsyncClient
from grantd.client.blocking import Client

__all__ = ["AsyncClient", "Client"]
