"""What is kept of decisions: at once, counted, exported."""
