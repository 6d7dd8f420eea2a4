"""Keys, and the algorithms that they are for."""
