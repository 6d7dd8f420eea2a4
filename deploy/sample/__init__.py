"""The sample company: its governance, and a morning of it on one machine."""
