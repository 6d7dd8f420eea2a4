"""Proof that an OAuth client is itself: one method a file."""
