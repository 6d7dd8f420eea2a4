"""What administrators do, each act on record with who and why; neutral to transport."""
