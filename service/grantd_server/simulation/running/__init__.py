"""Simulations in processes of their own, so that serving is not slowed."""
