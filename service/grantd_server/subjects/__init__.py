"""Kinds of subject token: they declare and read; flows enforce."""
