"""What rules grant, read from the rules alone: who can, what changes, what is wrong."""
