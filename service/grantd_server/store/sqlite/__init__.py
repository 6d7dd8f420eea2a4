"""SQLite: one file, one worker."""
