"""The nouns, all frozen. Nothing here does I/O, reads a clock or knows a library."""
