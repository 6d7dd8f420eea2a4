"""grantd for callers: stubs, typed clients, and verifiers for MCP servers."""
