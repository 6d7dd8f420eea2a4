"""The engine: one recorded decision and a candidate in, the answer out. Pure."""
