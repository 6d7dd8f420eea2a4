"""Reads files of policy tests, strictly."""
