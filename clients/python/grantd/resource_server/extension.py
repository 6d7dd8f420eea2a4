"""The name by which MCP servers and clients announce this kind of authorization (H-17).

An announcement only: no request is let in or refused for what it announces.
"""

from typing import Final

ENTERPRISE_MANAGED_AUTHORIZATION: Final = "io.modelcontextprotocol/enterprise-managed-authorization"
