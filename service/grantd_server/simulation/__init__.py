"""Recorded decisions made again under a candidate bundle: what would change, for whom."""
