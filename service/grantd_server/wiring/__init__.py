"""Builds every object once, and runs what was built.

Empty on purpose: the supervisor of several workers loads no gRPC.
"""
