"""HTTP of a resource server: RFC 9728 metadata, and the challenges of RFC 6750, 9449 and
9470, as ASGI middleware and for two MCP SDKs. `grantd.verifiers` judge the tokens.
"""
