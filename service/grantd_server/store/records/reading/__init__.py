"""Decisions as they are listed, followed, traced and exported."""
