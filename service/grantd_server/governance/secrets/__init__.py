"""Secrets of a governance directory: where they are found, and how one becomes another."""
