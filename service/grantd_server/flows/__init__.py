"""The flows: each one callable with numbered steps (docs/flows.md)."""
