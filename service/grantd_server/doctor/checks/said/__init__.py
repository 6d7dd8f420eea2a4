"""What the parties say about themselves, and whether it fits together."""
