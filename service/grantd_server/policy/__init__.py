"""The rule sets: decide and explain. Pure; a decision is a function of its input."""
