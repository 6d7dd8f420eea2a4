"""The governance bundle: load, validate, version, compile, diff."""
