"""What other parties publish, fetched and kept within bounds: keys, metadata."""
