"""Readers of rules and of what rules read."""
