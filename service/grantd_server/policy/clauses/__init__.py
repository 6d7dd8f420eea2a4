"""The clauses of a rule: True, False, or None for unknown."""
