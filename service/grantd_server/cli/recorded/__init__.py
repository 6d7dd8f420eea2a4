"""Commands over what is on record."""
