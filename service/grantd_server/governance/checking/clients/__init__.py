"""What clients may be, and what proves them."""
