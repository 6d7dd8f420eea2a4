"""PostgreSQL: several workers and replicas over one database."""
