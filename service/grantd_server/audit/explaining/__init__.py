"""Records told to people: as values, as far as the asker's role may see, and as text."""
