"""Readers of what a bundle says of each party."""
