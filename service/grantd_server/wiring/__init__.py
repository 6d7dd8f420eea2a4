"""Builds every object once, and runs what was built."""
