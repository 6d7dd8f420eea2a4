"""Builds every object once, and runs what was built."""

from grantd_server.wiring.serve import serve

__all__ = ["serve"]
