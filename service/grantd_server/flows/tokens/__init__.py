"""Tokens of ours as they are made, and as they come back."""
