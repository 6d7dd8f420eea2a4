"""grantd: enterprise-managed authorization for MCP servers."""
