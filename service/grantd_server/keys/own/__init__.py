"""Our own keys: files, their life, what signs and what verifies."""
