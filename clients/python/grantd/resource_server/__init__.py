"""What a resource server needs: verifiers of access tokens, RFC 9728 metadata, and the
challenges of RFC 6750, 9449 and 9470, as ASGI middleware and for two MCP SDKs.
"""
