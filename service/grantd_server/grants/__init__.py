"""Kinds of grant: they declare and read; flows enforce."""
