"""Tenants: that they exist, are bound, and are what rules read."""
