"""Load on real processes over a real PostgreSQL: `make once`, `make roll`."""
